"""One stem on its way into a mix: decoded, at the mix's rate, edited, at its volume and place."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemwright.audio.channels import to_stereo
from stemwright.audio.decode import SongFile
from stemwright.audio.edits import Chain, joined
from stemwright.audio.resample import StreamResampler
from stemwright.errors import Cancelled, InputError, InputNotFound, InvalidStem

from .plan import Plan

Block = NDArray[np.float32]

_COUNTED_BY_HEADER: Final = {"wav", "aiff"}


class StemFile:
    """A stem on disk and its exact length.

    Raises
    ------
    InvalidStem
        It cannot be decoded; as does every method.
    Cancelled

    """

    def __init__(
        self, name: str, path: Path, max_duration_s: float, cancelled: Callable[[], bool]
    ) -> None:
        self.name = name
        try:
            self._song = SongFile(path, max_duration_s=max_duration_s)
            self._counted = _count(self._song, cancelled)
        except InputNotFound:
            raise  # a file of ours that is gone: not what the stem's owner can mend
        except InputError as error:
            raise InvalidStem(name, str(error)) from error

    def frames(self, rate: int) -> int:
        """Return how many samples `blocks` has at a rate in Hz."""
        own = self._song.info.sample_rate
        return (2 * self._counted * rate + own) // (2 * own)

    def blocks(self, rate: int) -> Iterator[Block]:
        """Decode to stereo at ``rate`` Hz: blocks ``[2, n]`` that add up to ``frames(rate)``."""
        info = self._song.info
        resampler = StreamResampler(info.sample_rate, rate, 2)
        try:
            for block in self._song.blocks():
                yield resampler.process(to_stereo(block, info.positions))
        except InputError as error:
            raise InvalidStem(self.name, str(error)) from error
        yield resampler.flush()


def _count(song: SongFile, cancelled: Callable[[], bool]) -> int:
    """Count the samples; plain PCM cannot be wrong about them, everything else is decoded."""
    info = song.info
    plain = info.bit_depth is not None or info.is_float
    if info.frames and plain and info.container in _COUNTED_BY_HEADER:
        return info.frames
    count = 0
    for block in song.blocks():
        if cancelled():
            raise Cancelled(f"{song.path}: stopped while reading")
        count += block.shape[1]
    return count


class Track:
    """A stem's share of the mix, as many samples at a time as are asked for; then silence."""

    def __init__(self, stem: StemFile, plan: Plan, rate: int, gains: tuple[float, float]) -> None:
        self.frames = plan.frames
        self._gains = np.array(gains, np.float32)[:, None]
        self._unity = gains == (1.0, 1.0)
        blocks = _exactly(stem.blocks(rate), stem.frames(rate))
        self._blocks = _edited(blocks, Chain(plan.stages))
        self._rest = np.empty((2, 0), np.float32)

    def take(self, samples: int) -> Block:
        """Return the next ``[2, samples]``, full scale ±1 unless the stem or its gains exceed it.

        Raises
        ------
        InvalidStem, Cancelled, ChildDied

        """
        parts, left = [], samples
        # gains without end are found in the sum, as samples that are no numbers
        with np.errstate(over="ignore", invalid="ignore"):
            while left:
                block = self._rest if self._rest.shape[1] else next(self._blocks, None)
                if block is None:
                    parts.append(np.zeros((2, left), np.float32))
                    break
                parts.append(block[:, :left])
                self._rest = block[:, left:]
                left -= parts[-1].shape[1]
            taken = joined(parts)
            return taken if self._unity else taken * self._gains

    def close(self) -> None:
        """Let go of the file."""
        self._blocks.close()


def panned(volume: float, pan: float) -> tuple[float, float]:
    """Return the factors for left and right.

    Equal power: the squares of both always add up to the same, twice the square of the volume; in
    the middle both are the volume, so that nothing changes there. ``pan`` goes from -1 to 1.
    """
    if pan == 0:
        return volume, volume
    angle = (pan + 1) * math.pi / 4
    return volume * math.sqrt(2) * math.cos(angle), volume * math.sqrt(2) * math.sin(angle)


def _edited(blocks: Iterable[Block], chain: Chain) -> Generator[Block, None, None]:
    for block in blocks:
        ready = chain.process(block)
        if ready.shape[1]:
            yield ready
    rest = chain.finish()
    if rest.shape[1]:
        yield rest


def _exactly(blocks: Iterable[Block], frames: int) -> Iterator[Block]:
    """Cut or fill a stream to the length that was planned for: a file may break off after all."""
    left = frames
    for block in blocks:
        kept = block[:, :left]
        left -= kept.shape[1]
        yield kept
        if not left:
            return
    for start in range(0, left, 65536):
        yield np.zeros((2, min(65536, left - start)), np.float32)
