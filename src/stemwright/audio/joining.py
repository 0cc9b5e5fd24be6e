"""Many small pieces of audio to few large blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]


class BlockJoiner:
    """Collect pieces ``[channels, n]`` of any length into blocks of exactly ``frames``.

    A decoder's frame is some 20 ms; what follows works a hundred times faster on seconds. Holds one
    block; each block it yields is the caller's to keep.
    """

    def __init__(self, channels: int, frames: int) -> None:
        self._shape = (channels, frames)
        self._block = np.empty(self._shape, dtype=np.float32)
        self._filled = 0

    def add(self, piece: Block) -> Iterator[Block]:
        """Take a piece; yield each block it completes."""
        taken = 0
        while taken < piece.shape[1]:
            step = min(self._shape[1] - self._filled, piece.shape[1] - taken)
            self._block[:, self._filled : self._filled + step] = piece[:, taken : taken + step]
            self._filled += step
            taken += step
            if self._filled == self._shape[1]:
                yield self._block
                self._block, self._filled = np.empty(self._shape, dtype=np.float32), 0

    def rest(self) -> Iterator[Block]:
        """Yield the last, shorter block, if there is one."""
        if self._filled:
            yield np.ascontiguousarray(self._block[:, : self._filled])
            self._filled = 0
