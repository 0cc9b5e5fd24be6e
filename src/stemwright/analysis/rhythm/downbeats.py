"""Which beats begin a bar, and how many beats a bar has.

A small network says of every beat, from what sounds around it, how likely it begins a bar; the
best sequence of bars of one length follows by dynamic programming. The idea of bars as cycles that
a song seldom leaves is that of the bar pointer (N. Whiteley, A. T. Cemgil and S. Godsill,
"Bayesian modelling of temporal structure in musical audio", ISMIR 2006), here over beats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .grid import PLACES, Grid
from .network import fitted, probability
from .onset import Array

METERS = (3, 4)
CONTEXT = 4
"""Beats to either side that the network sees."""
_BREAK = -9.0  # log-probability that a bar is cut short or drawn out


@dataclass(frozen=True, slots=True)
class Bars:
    """The bars of a song."""

    meter: int
    """Beats in a bar."""
    first: NDArray[np.intp]
    """``[bars]``: index of the beat that begins each bar."""
    confidence: float
    """Probability, 0-1, that the meter is right."""


def find_bars(grid: Grid) -> Bars:
    """Return the likeliest bars of a grid of at least two beats."""
    around = surroundings(grid)
    meter, margin, places = likeliest_meter(around)
    confidence = probability("meter", doubts(margin, len(around)))
    return Bars(meter, np.flatnonzero(places == 0), confidence)


def likeliest_meter(around: Array) -> tuple[int, float, NDArray[np.intp]]:
    """Return the meter, its lead in log-likelihood, and each beat's place in its bar.

    ``around`` is ``[beats, numbers]``, see `surroundings`.
    """
    odds = fitted("downbeats")(around)
    found = {meter: _best_cycle(odds, meter) for meter in METERS}
    best, second = sorted(METERS, key=lambda meter: -found[meter][0])
    return best, found[best][0] - found[second][0], found[best][1]


def doubts(margin: float, beats: int) -> Array:
    """Return ``[2]``: what tells a right meter from a wrong one; beats next to each other agree."""
    return np.array([np.log1p(margin), np.log(beats)], np.float32)


def surroundings(grid: Grid) -> Array:
    """Return ``[beats, numbers]``: accents and changes at each beat and `CONTEXT` beats around."""
    accents = grid.accents[:, [0, PLACES // 2]]
    rows = np.concatenate(
        [accents.reshape(len(accents), -1), grid.change, _steps_away(grid.notes)], axis=1
    )
    rows = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 0.05)
    padded = np.pad(rows, ((CONTEXT, CONTEXT), (0, 0)))
    around = [padded[step : step + len(rows)] for step in range(2 * CONTEXT + 1)]
    together: Array = np.concatenate(around, axis=1).astype(np.float32)
    return together


def _steps_away(notes: Array) -> Array:
    """Return the cosine of each beat's notes with those 2, 3 and 4 beats before."""
    columns = []
    for lag in (2, 3, 4):
        like = np.zeros(len(notes), np.float32)
        like[lag:] = np.sum(notes[lag:] * notes[:-lag], axis=1)[: max(len(notes) - lag, 0)]
        columns.append(like)
    return np.stack(columns, axis=1)


def _best_cycle(odds: NDArray[np.float64], meter: int) -> tuple[float, NDArray[np.intp]]:
    """Return the log-likelihood of the best places in bars ``[beats]``, and those places."""
    first, inside = -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
    score = np.full(meter, -np.log(meter))
    origins = np.zeros((len(odds), meter), dtype=np.intp)
    for beat in range(len(odds)):
        if beat:
            best = int(np.argmax(score))
            stay = np.roll(score, 1)
            jump = score[best] + _BREAK
            origins[beat] = np.where(stay >= jump, np.arange(-1, meter - 1) % meter, best)
            score = np.maximum(stay, jump)
        score = score + inside[beat]
        score[0] += first[beat] - inside[beat]
    places = np.empty(len(odds), dtype=np.intp)
    places[-1] = np.argmax(score)
    for beat in range(len(odds) - 1, 0, -1):
        places[beat - 1] = origins[beat, places[beat]]
    return float(score.max()), places
