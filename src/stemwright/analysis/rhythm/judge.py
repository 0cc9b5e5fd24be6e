"""Which reading of the rhythm is right, and how likely that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .hypotheses import Hypothesis
from .network import fitted, probability
from .onset import FRAME_RATE, Array

_SAME_TEMPO = 0.04
_KEPT = 5


@dataclass(frozen=True, slots=True)
class TempoCandidate:
    """A tempo the song may be heard in."""

    bpm: float
    weight: float
    """Its share of the belief, 0-1; shares of all candidates add up to 1 at most."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The reading chosen among hypotheses."""

    chosen: Hypothesis
    confidence: float
    """Probability that the song has a steady beat and that its tempo is this one."""
    candidates: tuple[TempoCandidate, ...]
    """The most likely first."""


def judge(readings: list[Hypothesis]) -> Verdict:
    """Weigh the readings, of which there must be one at least."""
    chosen, candidates = choose(readings)
    sure = probability("tempo", doubts(chosen, candidates[0].weight))
    return Verdict(chosen, sure, candidates[:_KEPT])


def choose(readings: list[Hypothesis]) -> tuple[Hypothesis, tuple[TempoCandidate, ...]]:
    """Return the best reading of the likeliest tempo, and all tempos, the likeliest first."""
    scores = fitted("readings")(np.stack([reading.evidence for reading in readings]))
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    tempos = np.array([60 * FRAME_RATE / reading.period for reading in readings])
    candidates = _grouped(tempos, shares)
    of_best = np.abs(tempos / candidates[0].bpm - 1) < _SAME_TEMPO
    return readings[int(np.argmax(np.where(of_best, scores, -np.inf)))], candidates


def doubts(chosen: Hypothesis, share: float) -> Array:
    """Return ``[4]``: what tells a right reading from a wrong one, and music from noise."""
    height, least = chosen.clarity
    numbers = (
        np.log(share + 1e-3) - np.log(1 - share + 1e-3),
        np.log(np.clip(height, 0.003, 1)),
        np.clip(height, 0, 0.5),
        np.clip(least, -1, 5),
    )
    return np.array(numbers, np.float32)


def _grouped(
    tempos: NDArray[np.float64], shares: NDArray[np.float64]
) -> tuple[TempoCandidate, ...]:
    """Join readings of one tempo, the likeliest of which names it."""
    left = np.ones(len(tempos), dtype=bool)
    groups = []
    for index in np.argsort(-shares):
        if left[index]:
            same = left & (np.abs(tempos / tempos[index] - 1) < _SAME_TEMPO)
            groups.append(TempoCandidate(float(tempos[index]), float(shares[same].sum())))
            left &= ~same
    return tuple(sorted(groups, key=lambda group: -group.weight))
