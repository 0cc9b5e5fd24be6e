"""Joining overlapping segments under a triangular window, as they come.

Weights and normalisation are those of ``apply_model`` in demucs 4.1.0 (``transition_power`` 1): the
weighted sum of all segments over a sample, divided by the sum of their weights there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def triangle(samples: int) -> NDArray[np.float32]:
    """Return the window ``[samples]``: up to 1 in the middle and down again, never 0."""
    half = samples // 2
    rise = np.arange(1, half + 1)
    fall = np.arange(samples - half, 0, -1)
    window: NDArray[np.float32] = np.concatenate([rise, fall]).astype(np.float32)
    window /= window.max()
    return window


class OverlapAdd:
    """Accumulates the stems of one pass and hands out the samples that are final.

    Holds one segment's worth of stems, whatever the length of the song.

    Parameters
    ----------
    rows
        Leading shape of the stems, for example ``(sources, channels)``.
    segment
        Samples in a whole segment.
    start
        First sample of the pass; may be negative.

    """

    def __init__(self, rows: tuple[int, ...], segment: int, start: int) -> None:
        self.position = start
        self._window = triangle(segment)
        self._sum = np.zeros((*rows, segment), np.float32)
        self._weight = np.zeros(segment, np.float32)

    def add(self, start: int, stems: NDArray[np.float32]) -> None:
        """Add ``[*rows, samples]`` at the sample ``start``, which must not be handed out yet."""
        length = stems.shape[-1]
        offset = start - self.position
        window = self._window[:length]
        self._sum[..., offset : offset + length] += stems * window
        self._weight[offset : offset + length] += window

    def take(self, until: int) -> NDArray[np.float32]:
        """Hand out ``[*rows, until - position]`` and move on to ``until``."""
        count = until - self.position
        finished = self._sum[..., :count] / self._weight[:count]
        kept = self._weight.size - count
        for held in (self._sum, self._weight):
            held[..., :kept] = held[..., count:]
            held[..., kept:] = 0
        self.position = until
        return finished
