"""Two recordings of the same sound, joined where their partials differ in phase.

A time stretcher that starts anew gives every partial another phase. A crossfade of the two would
cancel some of them for its length. Here the phase of each frequency is turned from that of the one
to that of the other instead, over a third of a second: at most half a turn, which is a frequency
off by a hertz or so for that time, and no dip.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]
Spectra = NDArray[np.complex64]

_FRAME_S = 0.0929
_FRAMES = 4


def frame_length(rate: int) -> int:
    """Return the power of two next to 93 ms: 4096 at 44.1 kHz."""
    return int(2 ** round(np.log2(rate * _FRAME_S)))


def seam_length(rate: int) -> int:
    """Return over how many samples `turned` joins: four frames."""
    return _FRAMES * frame_length(rate)


def turned(before: Block, after: Block, rate: int) -> Block:
    """Go over from one recording to the other, ``[channels, n]`` each, of the same stretch of time.

    The result, ``[channels, n]``, begins as the first and ends as the second.
    """
    frame = frame_length(rate)
    hop, length = frame // 4, before.shape[1]
    window = np.hanning(frame + 1)[:frame].astype(np.float32)
    first, second = (_spectra(block, window, hop) for block in (before, after))
    centres = (np.arange(first.shape[0]) * hop - frame / 2) / length
    share = _smooth(np.clip(centres, 0, 1))[:, None, None]
    angle = _phase_between(first, second)[:, None, :]
    mixed = first * (1 - share) * np.exp(1j * share * angle)
    mixed += second * share * np.exp(-1j * (1 - share) * angle)
    return _added(mixed.astype(np.complex64), window, hop, length)


def _spectra(block: Block, window: NDArray[np.float32], hop: int) -> Spectra:
    """Frames ``[frames, channels, bins]``, beginning one whole frame before the block."""
    frame = window.size
    extended = np.pad(block, ((0, 0), (frame, frame)), mode="reflect")
    cut = np.lib.stride_tricks.sliding_window_view(extended, frame, axis=1)[:, ::hop]
    return np.fft.rfft(cut.swapaxes(0, 1) * window).astype(np.complex64)


def _phase_between(first: Spectra, second: Spectra) -> NDArray[np.float64]:
    """How far the second is ahead, ``[frames, bins]`` in radians, the same for all channels.

    Followed over time, so that a difference about half a turn does not change its direction.
    """
    between = (second * first.conj()).sum(axis=1, dtype=np.complex128)
    ahead = np.unwrap(np.angle(between), axis=0)
    turns = np.round(np.median(ahead, axis=0) / (2 * np.pi))
    phase: NDArray[np.float64] = ahead - 2 * np.pi * turns
    return phase


def _added(spectra: Spectra, window: NDArray[np.float32], hop: int, length: int) -> Block:
    frame, count = window.size, spectra.shape[0]
    frames = np.fft.irfft(spectra, frame).astype(np.float32) * window
    total = np.zeros((spectra.shape[1], (count - 1) * hop + frame), np.float32)
    weight = np.zeros(total.shape[1], np.float32)
    for index in range(count):
        here = slice(index * hop, index * hop + frame)
        total[:, here] += frames[index]
        weight[here] += window**2
    inner = slice(frame, frame + length)
    return np.divide(total[:, inner], weight[inner], dtype=np.float32)


def _smooth(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return share * share * (3 - 2 * share)
