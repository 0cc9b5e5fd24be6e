"""Float samples to integers, on one grid for every format."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray


def quantise(block: NDArray[np.float32], bits: Literal[16, 24]) -> NDArray[np.int32]:
    """Return ``clip(rint(x * 2**(bits - 1)))``, ``[channels, frames]``, as int32.

    Decoding divides by the same power of two, so a block that is on the grid survives exactly.
    Values beyond full scale are clipped, never wrapped; the largest positive value is one step
    below full scale. No dither is added: it would cost exactness and lies below the music.
    """
    scale = float(1 << (bits - 1))
    scaled = np.rint(block * np.float32(scale))
    clipped: NDArray[np.int32] = np.clip(scaled, -scale, scale - 1, out=scaled).astype(np.int32)
    return clipped
