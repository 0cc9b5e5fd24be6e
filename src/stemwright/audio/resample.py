"""Sample-rate conversion of streams, by soxr."""

from __future__ import annotations

from typing import cast

import numpy as np
import soxr
from numpy.typing import NDArray

Block = NDArray[np.float32]

_MAX_STEP = 65536


class StreamResampler:
    """Resample a stream block by block.

    The joined output does not depend on how the input was cut, and equals `soxr.resample` (quality
    HQ: 20 bits, linear phase) of the whole stream within 1e-6 of full scale. Over the whole stream
    exactly ``round(frames * target_rate / source_rate)`` frames come out, aligned with the input:
    the filter's delay is taken off. Equal rates pass blocks through untouched.

    Memory is a few filter lengths plus the block in hand.
    """

    def __init__(self, source_rate: int, target_rate: int, channels: int) -> None:
        self._rates = (source_rate, target_rate)
        self._channels = channels
        self._taken = self._given = 0
        self._stream = None
        if source_rate != target_rate:
            self._stream = soxr.ResampleStream(
                source_rate, target_rate, channels, dtype="float32", quality="HQ"
            )

    def process(self, block: Block) -> Block:
        """Take ``[channels, n]`` and return ``[channels, m]``, what is ready so far; m may be 0."""
        if self._stream is None:
            return block
        self._taken += block.shape[1]
        steps = range(0, block.shape[1], _MAX_STEP)
        ready = [self._convert(block[:, at : at + _MAX_STEP], last=False) for at in steps]
        return self._count(np.concatenate([self._nothing(), *ready], axis=1))

    def flush(self) -> Block:
        """Return what is still inside, ``[channels, m]``. Call once, after the last block."""
        if self._stream is None:
            return self._nothing()
        source_rate, target_rate = self._rates
        due = (2 * self._taken * target_rate + source_rate) // (2 * source_rate) - self._given
        rest = self._convert(self._nothing(), last=True)[:, : max(due, 0)]
        return self._count(np.pad(rest, ((0, 0), (0, max(due - rest.shape[1], 0)))))

    def _convert(self, block: Block, *, last: bool) -> Block:
        if self._stream is None:
            return block
        interleaved = np.ascontiguousarray(block.T)
        return cast("Block", self._stream.resample_chunk(interleaved, last=last)).T

    def _count(self, block: Block) -> Block:
        self._given += block.shape[1]
        return np.ascontiguousarray(block)

    def _nothing(self) -> Block:
        return np.empty((self._channels, 0), dtype=np.float32)
