"""Windows over a stream of samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_AT_ONCE = 256


class Framer:
    """Cuts a stream into windows whose middles are ``hop`` samples apart, from the first sample on.

    Half a window of silence is thought before and after the stream, so ``1 + samples // hop``
    windows come out. Memory is what one block holds.
    """

    def __init__(self, window: int, hop: int) -> None:
        self._window, self._hop = window, hop
        self._pending = np.zeros(window // 2, np.float32)

    def process(self, samples: Samples) -> Iterator[Samples]:
        """Take ``[samples]``; yield ``[some, window]``, views that last until the next call."""
        held = np.concatenate([self._pending, samples])
        count = max((len(held) - self._window) // self._hop + 1, 0)
        if count:
            windows = np.lib.stride_tricks.sliding_window_view(held, self._window)[:: self._hop]
            for start in range(0, count, _AT_ONCE):
                yield windows[start : min(start + _AT_ONCE, count)]
        self._pending = held[count * self._hop :].copy()

    def flush(self) -> Iterator[Samples]:
        """Yield what the end of the stream still gives."""
        yield from self.process(np.zeros(self._window // 2, np.float32))
