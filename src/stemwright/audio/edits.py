"""Edits of a clip as a stream: what comes in and goes out are blocks of any length.

Positions are counted in samples of the stream as it comes in. A stage holds nothing back unless it
says so, and never writes into a block it was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]


class Stage(Protocol):
    """One edit at work on one clip."""

    def process(self, block: Block) -> Block:
        """Take ``[channels, n]`` and return what is ready, ``[channels, m]``."""

    def finish(self) -> Block:
        """Return what was held back, ``[channels, m]``. Call once, after the last block."""


@dataclass(slots=True)
class _Range:
    """A range of a stream, found again in each of its blocks."""

    start: int
    stop: int
    _at: int = field(default=0, init=False)

    def finish(self) -> Block:
        return _nothing()

    def _in(self, block: Block) -> slice:
        """Which samples of the next block are in the range."""
        here = _part(self._at, block.shape[1], self.start, self.stop)
        self._at += block.shape[1]
        return here


@dataclass(slots=True)
class Keep(_Range):
    """A crop: only the samples from ``start`` to ``stop`` come out."""

    def process(self, block: Block) -> Block:
        return block[:, self._in(block)]


@dataclass(slots=True)
class Remove(_Range):
    """A trim: all samples but those from ``start`` to ``stop`` come out."""

    def process(self, block: Block) -> Block:
        here = self._in(block)
        if here.start == here.stop:
            return block
        return np.concatenate([block[:, : here.start], block[:, here.stop :]], axis=1)


@dataclass(slots=True)
class Scale(_Range):
    """A gain: the samples from ``start`` to ``stop`` are multiplied by ``level``."""

    level: float

    def process(self, block: Block) -> Block:
        return _multiplied(block, self._in(block), self.level)


@dataclass(slots=True)
class Rise:
    """A fade-in of ``length`` samples: sample n is multiplied by ``n / length``."""

    length: int
    _at: int = field(default=0, init=False)

    def process(self, block: Block) -> Block:
        here = _part(self._at, block.shape[1], 0, self.length)
        ramp = np.arange(self._at + here.start, self._at + here.stop) / max(self.length, 1)
        self._at += block.shape[1]
        return _multiplied(block, here, ramp.astype(np.float32))

    def finish(self) -> Block:
        return _nothing()


@dataclass(slots=True)
class Fall:
    """A fade-out, the mirror image of `Rise`: the last of all ``frames`` samples is silent."""

    length: int
    frames: int
    _at: int = field(default=0, init=False)

    def process(self, block: Block) -> Block:
        here = _part(self._at, block.shape[1], self.frames - self.length, self.frames)
        left = self.frames - 1 - np.arange(self._at + here.start, self._at + here.stop)
        self._at += block.shape[1]
        return _multiplied(block, here, (left / max(self.length, 1)).astype(np.float32))

    def finish(self) -> Block:
        return _nothing()


class Chain:
    """Stages one after the other; however many, they are called in turn, not in each other."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages

    def process(self, block: Block) -> Block:
        return _through(self._stages, block)

    def finish(self) -> Block:
        rests = [
            _through(self._stages[index + 1 :], stage.finish())
            for index, stage in enumerate(self._stages)
        ]
        return joined(rests)


def joined(blocks: Iterable[Block]) -> Block:
    """Return stereo blocks ``[2, n]`` end to end, ``[2, sum of n]``."""
    parts = [block for block in blocks if block.shape[1]]
    return parts[0] if len(parts) == 1 else np.concatenate([_nothing(), *parts], axis=1)


def _through(stages: Iterable[Stage], block: Block) -> Block:
    for stage in stages:
        if not block.shape[1]:
            break
        block = stage.process(block)
    return block


def _part(at: int, length: int, start: int, stop: int) -> slice:
    """The samples of a block at ``at`` that lie between two positions of the stream."""
    begin = min(max(start - at, 0), length)
    return slice(begin, min(max(stop - at, begin), length))


def _multiplied(block: Block, here: slice, gain: float | Block) -> Block:
    """A copy with a part multiplied; the block itself where the part is empty."""
    if here.start == here.stop:
        return block
    copy = block.copy()
    copy[:, here] *= np.float32(gain) if isinstance(gain, float) else gain
    return copy


def _nothing() -> Block:
    return np.empty((2, 0), np.float32)
