"""One song through the model in bounded memory: file, blocks, stems, files.

The song is decoded twice, three times where stems are measured against the mixture: once cheaply
for its length, mean and deviation, which Demucs needs before the first segment, and once for each
stream that is consumed at its own pace. Decoding again costs less than holding a song would.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from stemwright.audio.channels import to_mono, to_stereo
from stemwright.audio.resample import StreamResampler
from stemwright.engine.exact_sum import FRAME, ExactSum, with_instrumental
from stemwright.errors import Cancelled, EmptyAudio

from .stems import INSTRUMENTAL, separated_stems

if TYPE_CHECKING:
    from stemwright.audio.decode import SongFile
    from stemwright.audio.encode import Encoder
    from stemwright.engine.separate import Method, MixtureStream, Progress

Block = NDArray[np.float32]
Cancel = Callable[[], bool]

MODEL_RATE: Final = 44_100
WRITERS: Final = 2
"""Stems encoded at a time; LAME and libFLAC work outside the interpreter's lock."""


class SongSeparator(Protocol):
    """What this package needs of :class:`stemwright.Separator`."""

    @property
    def stems(self) -> tuple[str, ...]:
        """Stems in output order."""
        ...

    def stream(
        self,
        mixture: MixtureStream,
        *,
        stems: Sequence[str],
        overlap: float,
        shifts: int,
        segment_s: float | None,
        seed: int,
        progress: Callable[[Progress], None] | None,
        cancelled: Cancel | None,
    ) -> Iterator[Block]:
        """Yield blocks ``[stems, channels=2, n]`` that add up to ``mixture.samples``."""
        ...


@dataclass(frozen=True, slots=True)
class SongMixture:
    """A song as the model hears it: stereo at 44.1 kHz, decoded anew by each call of ``blocks``."""

    song: SongFile
    frames: int
    """Length in samples at the song's own rate, counted by decoding."""
    samples: int
    """Length in samples at 44.1 kHz."""
    mean: float
    deviation: float
    """Mean and standard deviation (n - 1) of the channel mean, as Demucs' ``separate.py``."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.song.info.sample_rate

    def blocks(self) -> Iterator[Block]:
        """Decode the song: blocks ``[channels=2, n]``, float32, full scale 1, at 44.1 kHz."""
        return _resampled(_stereo(self.song), self.song.info.sample_rate, MODEL_RATE, 2)


def measure(song: SongFile, cancelled: Cancel) -> SongMixture:
    """Decode a song once for its length, mean and deviation.

    Raises
    ------
    InputError
        It cannot be decoded, or holds no samples.
    Cancelled

    """
    frames, tally = 0, _Tally()
    resampler = StreamResampler(song.info.sample_rate, MODEL_RATE, 2)
    for block in song.blocks():
        if cancelled():
            raise Cancelled(f"{song.info.path}: stopped while reading")
        frames += block.shape[1]
        tally.add(resampler.process(to_stereo(block, song.info.positions)))
    tally.add(resampler.flush())
    if not frames:
        raise EmptyAudio(f"{song.info.path}: holds no audio samples; there is nothing to separate")
    return SongMixture(song, frames, tally.count, tally.mean, tally.deviation)


class _Tally:
    """Count, mean and deviation of the channel mean, block by block.

    Merging means and squared distances instead of raw sums keeps a constant offset from cancelling
    the deviation away: Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for
    Computing Sample Variances" (1979).
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self._distance = 0.0

    def add(self, block: Block) -> None:
        """Take in ``[channels=2, n]``."""
        size = block.shape[1]
        if not size:
            return
        mono = block.mean(axis=0, dtype=np.float64)
        mean = float(mono.mean())
        total, shift = self.count + size, mean - self.mean
        self._distance += float(np.sum((mono - mean) ** 2)) + shift**2 * self.count * size / total
        self.mean += shift * size / total
        self.count = total

    @property
    def deviation(self) -> float:
        return math.sqrt(self._distance / (self.count - 1)) if self.count > 1 else 0.0


@dataclass(frozen=True, slots=True)
class OutputGrid:
    """The samples the stems are written on."""

    sample_rate: int
    channels: int
    frames: int
    step: float | None
    """Distance of two neighbouring PCM values at full scale 1; ``None`` for float and MP3."""


def render(
    mixture: SongMixture,
    separator: SongSeparator,
    method: Method,
    outputs: Mapping[str, Encoder],
    grid: OutputGrid,
    *,
    exact: bool = False,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Cancel | None = None,
) -> None:
    """Separate a measured song and write the stems asked for, each ``grid.frames`` long.

    ``outputs`` are open encoders by stem name; they are left open. Of the model's stems only those
    are made that are written or needed for ``instrumental``; ``exact`` needs them all.

    Raises
    ------
    Cancelled
    InputError
        The song cannot be decoded any more.

    """
    needed = separated_stems(separator.stems, outputs, every=exact)
    measured = exact or INSTRUMENTAL in outputs
    summing = _Summing(_original(mixture, grid), grid.step, exact=exact) if measured else None
    separated = _separated(mixture, separator, needed, method, progress, cancelled)
    # Closing ends the segments in flight also when an encoder fails in between.
    with closing(separated), ThreadPoolExecutor(WRITERS, thread_name_prefix="encode") as writers:
        interleaved = (block.reshape(2 * len(needed), -1) for block in separated)
        blocks = _resampled(interleaved, MODEL_RATE, grid.sample_rate, 2 * len(needed))
        for block in _framed(_exactly(blocks, grid.frames)):
            stems = dict(zip(needed, _shaped(block, len(needed), grid.channels), strict=True))
            _write(writers, outputs, summing(stems) if summing else stems)


def _write(
    writers: ThreadPoolExecutor, outputs: Mapping[str, Encoder], stems: Mapping[str, Block]
) -> None:
    """Encode one block of every stem; the first failure is raised once all have ended."""
    for done in [writers.submit(output.write, stems[name]) for name, output in outputs.items()]:
        done.result()


def _separated(
    mixture: SongMixture,
    separator: SongSeparator,
    stems: Sequence[str],
    method: Method,
    progress: Callable[[Progress], None] | None,
    cancelled: Cancel | None,
) -> Generator[Block, None, None]:
    yield from separator.stream(
        mixture,
        stems=stems,
        overlap=method.overlap,
        shifts=method.shifts,
        segment_s=method.segment_s,
        seed=method.seed,
        progress=progress,
        cancelled=cancelled,
    )


class _Summing:
    """Makes stems add up to the mixture, block by block; see ``engine/exact_sum.py``."""

    def __init__(self, mixture: Iterator[Block], step: float | None, *, exact: bool) -> None:
        self._mixture = _Reader(mixture)
        self._step = step
        self._exact_sum = ExactSum(step) if exact else None

    def __call__(self, stems: dict[str, Block]) -> dict[str, Block]:
        mixture = self._mixture.take(next(iter(stems.values())).shape[1])
        if self._exact_sum is not None:
            stems = self._exact_sum(mixture, stems)
        if "vocals" not in stems:
            return stems
        vocals, rest = with_instrumental(mixture, stems["vocals"], self._step)
        # Stems that add up already keep doing so: their vocals stay as they are.
        kept = {} if self._exact_sum is not None else {"vocals": vocals}
        return {**stems, **kept, INSTRUMENTAL: rest}


def _shaped(block: Block, stems: int, channels: int) -> Block:
    """Split ``[2 * stems, n]`` into ``[stems, channels, n]``; one channel is the mean of two."""
    split = block.reshape(stems, 2, -1)
    return split if channels == 2 else split.mean(axis=1, keepdims=True, dtype=np.float32)


def _stereo(song: SongFile) -> Iterator[Block]:
    return (to_stereo(block, song.info.positions) for block in song.blocks())


def _original(mixture: SongMixture, grid: OutputGrid) -> Iterator[Block]:
    """The mixture on the output's rate and channels, to measure stems against."""
    info = mixture.song.info
    fold = to_mono if grid.channels == 1 else to_stereo
    blocks = (fold(block, info.positions) for block in mixture.song.blocks())
    resampled = _resampled(blocks, info.sample_rate, grid.sample_rate, grid.channels)
    return _exactly(resampled, grid.frames)


def _resampled(
    blocks: Iterable[Block], source_rate: int, target_rate: int, channels: int
) -> Iterator[Block]:
    resampler = StreamResampler(source_rate, target_rate, channels)
    for block in blocks:
        yield resampler.process(block)
    yield resampler.flush()


def _exactly(blocks: Iterable[Block], frames: int) -> Iterator[Block]:
    """Cut or fill a stream so that its length is ``frames``.

    Two conversions of rate may differ from the song by a sample; what is filled in is silence.
    """
    left, channels = frames, 0
    for block in blocks:
        channels = block.shape[0]
        kept = block[:, :left]
        left -= kept.shape[1]
        if kept.shape[1]:
            yield kept
    if left and channels:
        yield np.zeros((channels, left), np.float32)


def _framed(blocks: Iterable[Block]) -> Iterator[Block]:
    """Cut a stream anew so that all blocks but the last are whole frames, as ``ExactSum`` asks."""
    rest: Block | None = None
    for block in blocks:
        joined = block if rest is None else np.concatenate([rest, block], axis=1)
        whole = joined.shape[1] - joined.shape[1] % FRAME
        if whole:
            yield joined[:, :whole]
        rest = joined[:, whole:]
    if rest is not None and rest.shape[1]:
        yield rest


class _Reader:
    """Takes as many samples from a stream of blocks as the caller is about to use."""

    def __init__(self, blocks: Iterator[Block]) -> None:
        self._blocks = blocks
        self._rest: Block | None = None

    def take(self, samples: int) -> Block:
        """The next ``[channels, samples]``."""
        parts, left = [], samples
        while left:
            block = self._rest if self._rest is not None else next(self._blocks)
            parts.append(block[:, :left])
            self._rest = block[:, left:] if block.shape[1] > left else None
            left -= parts[-1].shape[1]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
