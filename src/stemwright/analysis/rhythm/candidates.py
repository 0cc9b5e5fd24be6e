"""Which periods could be the beat: peaks of the autocorrelation and their simple multiples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .onset import FRAME_RATE, Array

SLOWEST_BPM, FASTEST_BPM = 45.0, 215.0
_SHORTEST = 60 * FRAME_RATE / FASTEST_BPM
_LONGEST = 60 * FRAME_RATE / SLOWEST_BPM
_RATIOS = (1.0, 2.0, 0.5, 3.0, 1 / 3, 1.5, 2 / 3, 4.0, 0.25)
_PEAKS = 5
_MOST = 10
_SAME = 0.04  # of a period


def candidate_periods(lags: Array) -> NDArray[np.float64]:
    """Return periods in frames ``[<=10]``, the most salient first, from ``lags [LAGS]``."""
    salience = comb(lags)
    peaks = _peaks(salience)[:_PEAKS]
    found: list[float] = []
    for ratio in _RATIOS:
        for peak in peaks:
            period = _refined(salience, peak * ratio)
            known = any(abs(period / other - 1) < _SAME for other in found)
            if _SHORTEST <= period <= _LONGEST and not known:
                found.append(period)
    found.sort(key=lambda period: -_at(salience, period))
    return np.array(found[:_MOST])


def comb(lags: Array) -> Array:
    """Return ``[len(lags)]``: each lag's autocorrelation backed by that of its multiples."""
    size = len(lags)
    total = np.zeros(size)
    weight = np.zeros(size)
    for multiple, share in ((1, 1.0), (2, 0.8), (3, 0.3), (4, 0.6)):
        reach = (size - 1) // multiple + 1
        at = np.arange(reach) * multiple
        near = np.maximum.reduce([lags[np.clip(at + step, 0, size - 1)] for step in (-1, 0, 1)])
        total[:reach] += share * (near if multiple > 1 else lags[:reach])
        weight[:reach] += share
    salience: Array = (total / weight).astype(np.float32)
    return salience


def _peaks(salience: Array) -> list[float]:
    inner = np.arange(int(_SHORTEST / 2), min(int(_LONGEST * 1.5), len(salience) - 1))
    top = inner[
        (salience[inner] >= salience[inner - 1])
        & (salience[inner] > salience[inner + 1])
        & (salience[inner] > 0)
    ]
    return [_refined(salience, float(lag)) for lag in top[np.argsort(-salience[top])]]


def _refined(salience: Array, period: float) -> float:
    """Return the best period within 3 %, between frames by a parabola."""
    reach = max(0.03 * period, 1.0)
    low, high = int(np.ceil(period - reach)), int(period + reach)
    if low < 1 or high > len(salience) - 2:
        return period
    lag = low + int(np.argmax(salience[low : high + 1]))
    before, here, after = (float(salience[lag + step]) for step in (-1, 0, 1))
    bend = before - 2 * here + after
    return lag + float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else lag


def _at(salience: Array, period: float) -> float:
    return float(np.interp(period, np.arange(len(salience)), salience))
