"""What speaks for a grid of beats: the numbers from which its likelihood is judged.

All are free of the song's level; the network that reads them is small, so they say the musical
things outright: what sounds on the beat and between beats, after how many beats the accents and
the harmony repeat, and how fast all that would be.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .grid import PLACES, Grid
from .onset import BANDS, FRAME_RATE, Array

_MULTIPLES = (0.25, 1 / 3, 0.5, 2 / 3, 0.75, 1.0, 4 / 3, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
_BEAT_LAGS = (1, 2, 3, 4, 6, 8)


def evidence(grid: Grid, lags: Array, intervals: NDArray[np.float64]) -> Array:
    """Return ``[numbers]`` about a grid of beats ``intervals [beats]`` frames apart.

    ``lags`` is the autocorrelation ``[LAGS]`` of the stretch the grid covers.
    """
    period = float(np.median(intervals))
    octave = np.log2(60 * FRAME_RATE / period / 110)
    spread = np.log(intervals / period)
    unrest = float(np.sqrt(np.mean(np.square(np.diff(spread))))) if len(spread) > 1 else 0.0
    tempo = [octave, octave**2, octave**3, 10 * float(spread.std()), 10 * unrest]
    parts = [
        np.array(tempo),
        _lags_at_multiples(lags, period),
        _profile(grid.accents),
        _alternation(grid.accents),
        _repetition(grid.accents.reshape(len(grid.accents), -1)),
        _repetition(grid.accents[:, 0, :2]),
        _repetition(grid.accents[:, 0, 2:5]),
        _repetition(grid.change[:, :1]),
        _likeness(grid.notes),
        _harmony(grid.change),
    ]
    numbers: Array = np.concatenate(parts).astype(np.float32)
    return numbers


def _lags_at_multiples(lags: Array, period: float) -> NDArray[np.float64]:
    at = np.array(_MULTIPLES) * period
    near = [np.interp(at + step, np.arange(len(lags)), lags) for step in (-1, 0, 1)]
    found: NDArray[np.float64] = np.where(at < len(lags) - 1, np.max(near, axis=0), 0)
    return found


def _profile(accents: Array) -> NDArray[np.float64]:
    """Return the mean accent of each place and band ``[PLACES * BANDS]``."""
    return np.asarray(accents.mean(axis=0).reshape(PLACES * BANDS), np.float64)


def _alternation(accents: Array) -> NDArray[np.float64]:
    """Return how the stronger half of beats differs from the other, by band and place.

    Kick and snare taking turns is the surest sign that the beat is not twice as slow.
    """
    strong = accents[:, :: PLACES // 2]
    difference = strong[::2].mean(axis=0) - strong[1::2].mean(axis=0)
    if difference[0, 0] < 0:
        difference = -difference
    return np.asarray(difference.reshape(-1), np.float64)


def _repetition(rows: Array) -> NDArray[np.float64]:
    """Return the correlation of each beat with the one 1, 2, 3, 4, 6 and 8 beats later."""
    centred = rows - rows.mean(axis=0)
    power = float(np.mean(np.sum(np.square(centred), axis=1))) + 1e-6
    return np.array(
        [
            float(np.mean(np.sum(centred[lag:] * centred[:-lag], axis=1))) / power
            if lag < len(rows)
            else 0.0
            for lag in _BEAT_LAGS
        ]
    )


def _likeness(notes: Array) -> NDArray[np.float64]:
    """Return the mean cosine between the notes of beats 1, 2, 3, 4, 6 and 8 apart."""
    return np.array(
        [
            float(np.mean(np.sum(notes[lag:] * notes[:-lag], axis=1))) if lag < len(notes) else 0.0
            for lag in _BEAT_LAGS
        ]
    )


def _harmony(change: Array) -> NDArray[np.float64]:
    """Return change on beats and on half beats: mean, spread and share of great ones."""
    return np.concatenate([change.mean(axis=0), change.std(axis=0), (change > 0.4).mean(axis=0)])
