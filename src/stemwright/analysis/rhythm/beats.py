"""Where the beats are: the best chain of strong onsets about one period apart.

D. P. W. Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007,
with a period that may drift along the song, and with a cost for strong onsets left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_SHORTEST, _LONGEST = 0.7, 1.45  # of the period


def track_beats(strength: Array, period: Array, tightness: float) -> NDArray[np.intp]:
    """Return the frames ``[beats]`` that hold beats, in order.

    Parameters
    ----------
    strength
        ``[frames]``, onset strength with mean about 0 and standard deviation about 1.
    period
        ``[frames]``: frames between beats expected there.
    tightness
        Cost of ``log(interval / period)**2``, in units of strength.

    """
    score, before = _chain(strength, period, tightness)
    last = _last_beat(score, period)
    beats = [last]
    while before[beats[-1]] >= 0:
        beats.append(int(before[beats[-1]]))
    return np.array(beats[::-1], dtype=np.intp)


def _chain(
    strength: Array, period: Array, tightness: float
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the best score of a chain ending at each frame, and the beat before it or -1."""
    frames = len(strength)
    shortest = max(int(_SHORTEST * period.min()), 1)
    lags = np.arange(shortest, int(_LONGEST * period.max()) + 2)
    score = np.zeros(frames)
    before = np.full(frames, -1, dtype=np.intp)
    # No interval is shorter than `shortest`, so that many frames only look at finished ones.
    for start in range(0, frames, shortest):
        here = np.arange(start, min(start + shortest, frames))
        cost = tightness * np.log(lags[None, :] / period[here, None]) ** 2
        origin = here[:, None] - lags[None, :]
        reached = np.where(origin >= 0, score[np.maximum(origin, 0)], 0) - cost
        best = np.argmax(reached, axis=1)
        gain = reached[np.arange(len(here)), best]
        came_from = origin[np.arange(len(here)), best]
        continued = (came_from >= 0) & (gain > 0)
        score[here] = strength[here] + np.where(continued, gain, 0)
        before[here] = np.where(continued, came_from, -1)
    return score, before


def _last_beat(score: NDArray[np.float64], period: Array) -> int:
    """Return the best end of a chain within the last period."""
    window = min(len(score), int(np.ceil(period[-1] * 1.1)))
    return len(score) - window + int(np.argmax(score[-window:]))
