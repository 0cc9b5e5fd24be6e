"""Pieces of clips stretched by a process of its own: ``python -m stemwright.audio.stretch_worker``.

The library holds the interpreter's lock while it works, so threads would take turns. A request on
standard input is a header and the samples, the answer on standard output samples alone; when the
input ends, because the parent let go or died, the worker ends.
"""

from __future__ import annotations

import struct
import sys
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]

HEADER: Final = struct.Struct("<qqq")
"""Samples in, samples out, rate in Hz."""

CHANNELS: Final = 2
_SEED: Final = 1


def stretched(piece: Block, frames: int, rate: int) -> Block:
    """Make ``[2, n]`` at ``rate`` Hz into ``[2, frames]`` of the same pitch.

    The same input gives the same output, to the bit. Two equal channels cost as much as one.
    """
    from python_stretch.Signalsmith import Stretch  # noqa: PLC0415  # of the service's extra

    heard = piece[:1] if np.array_equal(piece[0], piece[1]) else piece
    stretch = Stretch(_SEED)
    stretch.preset(heard.shape[0], rate)
    stretch.setTimeFactor(piece.shape[1] / frames)
    done = np.array(stretch.process(heard), np.float32)
    # it divides lengths in single precision; over ten seconds that rounds as it should
    assert done.shape[1] == frames, (done.shape, frames)
    return np.broadcast_to(done, (CHANNELS, frames))


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    while len(header := requests.read(HEADER.size)) == HEADER.size:
        taken, frames, rate = HEADER.unpack(header)
        raw = requests.read(taken * CHANNELS * 4)
        if len(raw) < taken * CHANNELS * 4:
            return
        # a copy, since the library takes no array that it may not write to
        piece = np.frombuffer(raw, np.float32).reshape(CHANNELS, taken).copy()
        answers.write(stretched(piece, frames, rate).tobytes())
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
