"""Channel layouts: any number of channels down (or up) to stereo or mono."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]

# Speaker names and their order for a given count, as WAVE_FORMAT_EXTENSIBLE's mask and the default
# layouts of FLAC and FFmpeg have them.
WAVE_ORDER: dict[int, tuple[str, ...]] = {
    1: ("FC",),
    2: ("FL", "FR"),
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}

_HALF_POWER = 1 / sqrt(2)
# (left, right) gains after ITU-R BS.775-4, annex 4: centre and surrounds enter at -3 dB, the LFE
# channel not at all; a single back channel is split evenly over both surrounds first.
_GAINS: dict[str, tuple[float, float]] = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "DL": (1.0, 0.0),
    "DR": (0.0, 1.0),
    "FC": (_HALF_POWER, _HALF_POWER),
    "LFE": (0.0, 0.0),
    "LFE2": (0.0, 0.0),
    "FLC": (1.0, 0.0),
    "FRC": (0.0, 1.0),
    "BC": (0.5, 0.5),
    "BL": (_HALF_POWER, 0.0),
    "BR": (0.0, _HALF_POWER),
    "SL": (_HALF_POWER, 0.0),
    "SR": (0.0, _HALF_POWER),
}

SPEAKERS = frozenset(_GAINS)


def to_stereo(block: Block, positions: Sequence[str] | None = None) -> Block:
    """Fold a block of any channel count into left and right.

    Parameters
    ----------
    block
        ``[channels, frames]``, nominally within ±1.
    positions
        Speaker name of each channel (``AudioInfo.positions``); by default those of WAVE order.

    Returns
    -------
    ``[2, frames]``. Stereo is returned as it is and mono repeated, so neither changes by a bit.
    Surround follows ITU-R BS.775 and is then scaled down so that no input within ±1 can leave ±1.
    Channels without known speakers (more than eight, say) are taken as left-right pairs.

    """
    if block.shape[0] == 2 and tuple(positions or ("FL", "FR")) == ("FL", "FR"):
        return block
    if block.shape[0] == 1:
        return np.repeat(block, 2, axis=0)
    stereo: Block = stereo_matrix(block.shape[0], positions) @ block
    return stereo


def to_mono(block: Block, positions: Sequence[str] | None = None) -> Block:
    """Return ``[1, frames]``: the mean of left and right of `to_stereo`; mono passes unchanged."""
    if block.shape[0] == 1:
        return block
    mono: Block = to_stereo(block, positions).mean(axis=0, keepdims=True, dtype=np.float32)
    return mono


def stereo_matrix(channels: int, positions: Sequence[str] | None = None) -> Block:
    """Return the downmix gains ``[2, channels]``; each row's absolute sum is at most 1."""
    names = positions or WAVE_ORDER.get(channels, ())
    if len(names) == channels and all(name in _GAINS for name in names):
        gains = np.array([_GAINS[name] for name in names]).T
    else:
        gains = np.array([((k + 1) % 2, k % 2) for k in range(channels)], dtype=float).T
    loudest = np.abs(gains).sum(axis=1).max()
    matrix: Block = (gains / max(loudest, 1.0)).astype(np.float32)
    return matrix
