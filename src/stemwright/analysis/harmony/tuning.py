"""How far a song is from A4 = 440 Hz, from where the peaks of its spectrum lie between semitones.

Peaks are read off a parabola through three log magnitudes (Smith and Serra, "PARSHL", 1987) and
counted by their distance from the nearest semitone; since -50 and +50 cents are the same place, the
counting is circular (Dressler and Streich, "Tuning frequency estimation using circular
statistics", ISMIR 2007).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CENTS = 100
_LOWEST_BIN = 30  # 80 Hz: below, a bin is wider than a semitone
_HIGHEST_BIN = 600  # 1.6 kHz: above, the partials of strings are stretched
_PEAK_FLOOR = 0.02  # of the frame's strongest peak
_SMOOTHING_CENTS = 8


@dataclass(frozen=True, slots=True)
class Tuning:
    """Where the semitones of a song lie."""

    cents: float
    """Offset from A4 = 440 Hz, within ±50."""
    clarity: float
    """0 when peaks lie anywhere, towards 1 when all lie on one grid of semitones."""


class TuningHistogram:
    """Counts spectral peaks by their distance from the nearest semitone."""

    def __init__(self) -> None:
        self._weights = np.zeros(CENTS)

    def add(self, magnitudes: NDArray[np.float32]) -> None:
        """Count the peaks of ``[frames, bins]``, FFT magnitudes 22 050 / 8192 Hz apart."""
        used = magnitudes[:, _LOWEST_BIN - 1 : _HIGHEST_BIN + 1]
        centre, left, right = used[:, 1:-1], used[:, :-2], used[:, 2:]
        floor = np.maximum(_PEAK_FLOOR * used.max(axis=1, keepdims=True), 1e-6)
        peaks = (centre > left) & (centre >= right) & (centre > floor)
        frame, column = np.nonzero(peaks)
        offset = _parabola(left[peaks], centre[peaks], right[peaks])
        hz = (column + _LOWEST_BIN + offset) * (22_050 / 8192)
        cents = np.round(1200 * np.log2(hz / 440)).astype(np.int64) % CENTS
        weights = np.sqrt(centre[peaks] / used.max(axis=1)[frame])
        self._weights += np.bincount(cents, weights, CENTS)

    def estimate(self) -> Tuning:
        """The offset most peaks agree on; 0 without any peak."""
        total = self._weights.sum()
        if total <= 0:
            return Tuning(0.0, 0.0)
        turns = np.exp(2j * np.pi * np.arange(CENTS) / CENTS)
        resultant = (self._weights @ turns) / total
        cents = _refined(self._weights, float(np.angle(resultant)) / (2 * np.pi) * CENTS)
        return Tuning(round(cents, 1), float(abs(resultant)))


def _parabola(
    left: NDArray[np.float32], centre: NDArray[np.float32], right: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Vertex of the parabola through three log magnitudes, in bins from the centre."""
    a, b, c = (np.log(np.maximum(side, 1e-9).astype(np.float64)) for side in (left, centre, right))
    offset = 0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-9)
    return np.asarray(np.clip(offset, -0.5, 0.5))


def _refined(weights: NDArray[np.float64], cents: float) -> float:
    """Move towards the nearest bulk of the histogram: the mean is drawn aside by what is not."""
    places = np.arange(CENTS)
    for _ in range(20):
        distance = (places - cents + CENTS / 2) % CENTS - CENTS / 2
        near = weights * np.exp(-0.5 * (distance / _SMOOTHING_CENTS) ** 2)
        cents += float(near @ distance / max(near.sum(), 1e-12))
    return (cents + CENTS / 2) % CENTS - CENTS / 2
