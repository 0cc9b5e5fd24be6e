"""Cutting a mixture of known length into the segments a network sees, in bounded memory.

The grid is that of ``apply_model`` in demucs 4.1.0 (``demucs/apply.py``, ``TensorChunk``): one
segment every ``stride`` samples from the start of the view until its end; the last segments are
shorter, and are centred in the network's window so that real neighbours, not silence, surround
them wherever there are any.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Segment:
    """One place on the grid. All positions are samples of the mixture and may lie outside it."""

    start: int
    """First sample whose stems this segment contributes to."""
    length: int
    """How many samples it contributes to; less than a whole segment only at the end."""
    window_start: int
    """First sample of the window the network sees."""


@dataclass(frozen=True, slots=True)
class Grid:
    """All segments of one pass over a mixture.

    A pass that is shifted in time (Demucs' "shift trick") starts before the mixture does.
    """

    start: int
    """Where the pass begins, in samples: 0, or negative when the pass is shifted."""
    stop: int
    """Length of the mixture in samples."""
    segment: int
    """Samples between the start and the end of one segment."""
    window: int
    """Samples the network sees; at least ``segment``."""
    stride: int
    """Samples from one segment's start to the next one's."""

    def __len__(self) -> int:
        return len(self._starts())

    def __iter__(self) -> Iterator[Segment]:
        for start in self._starts():
            length = min(self.segment, self.stop - start)
            yield Segment(start, length, start - (self.window - length) // 2)

    def _starts(self) -> range:
        return range(self.start, self.stop, self.stride)


class SlidingMixture:
    """Random access to the recent past of a mixture that arrives in blocks.

    Holds only the samples from the last :meth:`forget` on. Outside the mixture there is silence.

    Parameters
    ----------
    blocks
        ``[channels, n]`` arrays, float32, in order.
    samples
        Their total length. Blocks that end early are followed by silence, later ones are ignored.

    """

    def __init__(self, blocks: Iterator[NDArray[np.float32]], samples: int) -> None:
        self._blocks = blocks
        self._samples = samples
        self._held: deque[NDArray[np.float32]] = deque()
        self._held_start = 0
        self._held_stop = 0

    def read(self, start: int, stop: int, channels: int = 2) -> NDArray[np.float32]:
        """Return ``[channels, stop - start]``; ``start`` must not lie before what was forgotten."""
        first, last = max(start, 0), min(stop, self._samples)
        self._fill(last)
        result = np.zeros((channels, stop - start), np.float32)
        position = self._held_start
        for block in self._held:
            begin, end = max(first, position), min(last, position + block.shape[1])
            if begin < end:
                result[:, begin - start : end - start] = block[:, begin - position : end - position]
            position += block.shape[1]
        return result

    def forget(self, before: int) -> None:
        """Drop whole blocks that end at or before the sample ``before``."""
        while self._held and self._held_start + self._held[0].shape[1] <= before:
            self._held_start += self._held.popleft().shape[1]

    @property
    def held_samples(self) -> int:
        """How many samples are in memory."""
        return self._held_stop - self._held_start

    def _fill(self, until: int) -> None:
        while self._held_stop < until:
            block = next(self._blocks, None)
            if block is None:
                return
            self._held.append(block)
            self._held_stop += block.shape[1]
