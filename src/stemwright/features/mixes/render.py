"""Stems mixed down as a manifest says, in bounded memory: files, blocks, file.

The mix is written twice: first as it comes, to an unnamed file beside the output, since its peak
is known only at its end; then scaled, if it has to be, in the format asked for. Reading samples
again costs a tenth of decoding and stretching the stems again.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from stemwright.audio.encode import Encoding, open_encoder
from stemwright.audio.stretch_workers import StretchWorkers
from stemwright.errors import Cancelled, InvalidManifest, OutputError
from stemwright.kit.files import AtomicFiles

from .manifest import Manifest
from .plan import Plan
from .tracks import StemFile, Track, panned

Block = NDArray[np.float32]

_STEP: Final = 1 << 17
"""Samples mixed at a time: three seconds, one megabyte for each stem."""

_THREADS: Final = 2
"""Stems decoded at a time, and processes that stretch; as many as a job has cores."""

_MOST_FRAMES: Final = 1 << 29
"""Of a mix, which needs eight bytes of the disk for each, and as many again where it is floats:
three hours at 48 kHz. A few seconds, stretched, at the highest rate would fill any disk."""

_MIXING: Final = 0.9
"""Share of the first writing in the progress told."""


@dataclass(frozen=True, slots=True)
class MixResult:
    """What was written."""

    duration_s: float
    sample_rate: int
    peak_before: float
    """The largest absolute sample of the sum."""
    scaled: bool
    """Whether the sum exceeded full scale and was turned down to it."""


def render_mix(
    stems: Mapping[str, Path],
    manifest: Manifest,
    output: Path,
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    max_duration_s: float = 3 * 3600.0,
) -> MixResult:
    """Mix stems into one stereo WAV.

    Every stem becomes stereo at the mix's rate, is edited, panned and summed; the mix is as long as
    the longest of them, muted ones included. If its peak exceeds full scale all of it is scaled to
    that. Samples of 16 and 24 bits are rounded without dither, as everywhere here. The file has its
    name only when it is whole; until then the disk holds the mix once more, as floats.

    Raises
    ------
    InvalidManifest
        A range lies outside of its clip, nothing is left, or the mix would be longer than
        ``max_duration_s`` or louder than numbers go.
    InvalidStem
        A stem cannot be decoded, or is longer than ``max_duration_s``.
    OutputError, ChildDied
    Cancelled
        ``cancelled()`` was true before some block.

    """
    stopping = _Stopping(cancelled or (lambda: False), output)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(_THREADS, thread_name_prefix="mix"))
        workers = stack.enter_context(StretchWorkers(_THREADS))
        files = _opened(stems, max_duration_s, stopping.asked, pool)
        tracks, frames = _planned(files, manifest, max_duration_s, workers)
        for track in tracks:
            stack.enter_context(closing(track))
        with _naming(output):
            spool = stack.enter_context(tempfile.TemporaryFile(dir=output.parent))
        mixed = _Mixed(spool, frames)
        for done, block in _summed(tracks, frames, pool):
            stopping.check()
            with _naming(output):
                mixed.add(block)
            _tell(progress, _MIXING * done / frames)
        peak = mixed.checked_peak()
        encoding = Encoding("wav", manifest.bit_depth)
        _write(mixed, output, encoding, manifest.sample_rate, progress, stopping)
    return MixResult(frames / manifest.sample_rate, manifest.sample_rate, peak, peak > 1)


def _opened(
    stems: Mapping[str, Path],
    max_duration_s: float,
    cancelled: Callable[[], bool],
    pool: ThreadPoolExecutor,
) -> list[StemFile]:
    if not stems:
        raise InvalidManifest({"": "there is no stem to mix"})

    def opened(item: tuple[str, Path]) -> StemFile:
        return StemFile(*item, max_duration_s, cancelled)

    return list(pool.map(opened, stems.items()))


def _planned(
    files: Sequence[StemFile], manifest: Manifest, max_duration_s: float, workers: StretchWorkers
) -> tuple[list[Track], int]:
    """The tracks that are heard, and the length of the mix, to which the others count, too."""
    rate = manifest.sample_rate
    tracks, longest = [], 0
    for file in files:
        edits = manifest.edits.get(file.name, ())
        plan = Plan(edits, file.frames(rate), rate, int(max_duration_s * rate) + 1, workers)
        longest = max(longest, plan.frames)
        if manifest.sounds(file.name):
            volume, pan = manifest.volumes.get(file.name, 1.0), manifest.pans.get(file.name, 0.0)
            tracks.append(Track(file, plan, rate, panned(volume, pan)))
    if not longest:
        raise InvalidManifest({"edits": "leave nothing of any stem"})
    if longest > _MOST_FRAMES:
        told = f"is too high for {longest / rate:.0f} seconds; at {rate} Hz a mix may last "
        raise InvalidManifest({"sample_rate": f"{told}{_MOST_FRAMES / rate:.0f} seconds"})
    return tracks, longest


def _summed(
    tracks: Sequence[Track], frames: int, pool: ThreadPoolExecutor
) -> Iterator[tuple[int, Block]]:
    """Yield the sum in blocks ``[2, _STEP]``, the last one shorter, and how much that makes."""
    for start in range(0, frames, _STEP):
        samples = min(_STEP, frames - start)
        total = np.zeros((2, samples), np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            for block in pool.map(lambda track: track.take(samples), tracks):  # noqa: B023
                total += block
        yield start + samples, total


class _Mixed:
    """The sum as it came, on disk, and its peak."""

    def __init__(self, file: IO[bytes], frames: int) -> None:
        self._file, self.frames = file, frames
        self._peak = 0.0

    def add(self, block: Block) -> None:
        self._file.write(np.ascontiguousarray(block).data)
        # not max(): what is no number must stay visible
        self._peak = float(np.maximum(self._peak, np.abs(block).max()))

    def checked_peak(self) -> float:
        """Return the peak, unless the gains of a manifest multiply beyond all numbers."""
        if not math.isfinite(self._peak):
            raise InvalidManifest({"edits": "make the mix louder than numbers go"})
        return self._peak

    def blocks(self) -> Iterator[tuple[int, Block]]:
        """Yield the mix, turned down to full scale where it exceeds it, and how much that makes."""
        factor = np.float32(1 / self._peak) if self._peak > 1 else None
        self._file.seek(0)
        for start in range(0, self.frames, _STEP):
            samples = min(_STEP, self.frames - start)
            raw = self._file.read(2 * samples * 4)
            block = np.frombuffer(raw, np.float32).reshape(2, samples)
            scaled = block if factor is None else np.clip(block * factor, -1, 1)
            yield start + samples, scaled


def _write(
    mixed: _Mixed,
    output: Path,
    encoding: Encoding,
    rate: int,
    progress: Callable[[float], None] | None,
    stopping: _Stopping,
) -> None:
    with AtomicFiles() as files:
        encoder = open_encoder(
            files.open(output),
            encoding,
            sample_rate=rate,
            channels=2,
            expected_frames=mixed.frames,
        )
        with closing(encoder):
            for done, block in mixed.blocks():
                stopping.check()
                encoder.write(block)
                _tell(progress, _MIXING + (1 - _MIXING) * done / mixed.frames)
        files.commit()


@dataclass(frozen=True, slots=True)
class _Stopping:
    asked: Callable[[], bool]
    output: Path

    def check(self) -> None:
        if self.asked():
            raise Cancelled(f"{self.output}: stopped while mixing")


def _tell(progress: Callable[[float], None] | None, fraction: float) -> None:
    if progress is not None:
        progress(fraction)


@contextmanager
def _naming(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror or error}") from error
