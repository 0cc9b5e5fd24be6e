"""The chosen reading of an excerpt, carried over to the whole song."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .beats import track_beats
from .candidates import comb
from .hypotheses import EXCERPT_FRAMES, SHIFTS, Hypothesis, accent_curve, shifted
from .onset import FRAME_RATE, Array
from .periodicity import WINDOW_FRAMES, Periodicity

_AUDIBLE = 0.003  # of the loudest moment: -50 dB
_FURTHEST, _STEPS = np.log(1.25), 91  # half a percent apart
_CHANGE, _PULL = 2.0, 0.05


def whole_song(whitened: Array, found: Periodicity, chosen: Hypothesis) -> NDArray[np.float64]:
    """Return beats ``[beats]`` in frames over all of ``whitened [bands, frames]``."""
    strength = accent_curve(whitened)
    period = np.full(len(strength), chosen.period, np.float32)
    if len(strength) > EXCERPT_FRAMES:
        step = found.step_s * FRAME_RATE
        middles = step * np.arange(len(found.lags)) + WINDOW_FRAMES / 2
        local = _local_periods(found.lags, chosen.period)
        period = np.interp(np.arange(len(strength)), middles, local).astype(np.float32)
    beats = track_beats(strength, period, chosen.tightness).astype(np.float64)
    tracks: list[NDArray[np.float64]] = [shifted(beats, share) for share in SHIFTS]
    agreements = [_agreement(track, chosen.beats) for track in tracks]
    return tracks[int(np.argmax(agreements))]


def _local_periods(lags: Array, period: float) -> NDArray[np.float64]:
    """Return the period around each window ``[windows]``, up to a quarter from the song's.

    The best path through the windows' autocorrelations ``[windows, LAGS]``; small changes from
    one window to the next cost little, and none at all where nothing else is heard.
    """
    ratios = np.exp(np.linspace(-_FURTHEST, _FURTHEST, _STEPS))
    at = ratios * period
    heights = np.array([np.interp(at, np.arange(len(row)), comb(row)) for row in lags])
    change = np.abs(np.subtract.outer(np.arange(_STEPS), np.arange(_STEPS))) / _STEPS
    heights -= _PULL * np.abs(np.linspace(-1, 1, _STEPS))
    total = heights[0]
    origins = []
    for row in heights[1:]:
        reached = total[None, :] - _CHANGE * change
        origins.append(reached.argmax(axis=1))
        total = reached.max(axis=1) + row
    path = [int(total.argmax())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    return np.asarray(at[path[::-1]])


def while_audible(beats: NDArray[np.float64], level: Array) -> NDArray[np.float64]:
    """Drop the beats before the first sound and after the last; ``level`` is ``[frames]``."""
    audible = np.flatnonzero(level > _AUDIBLE * level.max(initial=0.0))
    if not len(audible):
        return beats[:0]
    reach = 0.3 * float(np.median(np.diff(beats))) if len(beats) > 1 else 0.0
    kept: NDArray[np.float64] = beats[
        (beats >= audible[0] - reach) & (beats <= audible[-1] + reach)
    ]
    return kept


def beats_per_minute(beats_s: NDArray[np.float64]) -> float:
    """Return the tempo of ``[beats >= 2]`` seconds: the median over spans of up to 16 beats."""
    span = min(16, max(len(beats_s) // 2, 1))
    return float(60 * span / np.median(beats_s[span:] - beats_s[:-span]))


def unrest(beats_s: NDArray[np.float64]) -> float:
    """Return how far the tempo of a bar strays: the spread of the log of four-beat spans."""
    if len(beats_s) < 9:
        return 0.0
    spans = np.log(beats_s[4:] - beats_s[:-4])
    return float(np.std(spans))


def _agreement(beats: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    """Return minus the median distance of wanted beats from the nearest of ``beats``."""
    after = np.clip(np.searchsorted(beats, wanted), 1, len(beats) - 1)
    nearest = np.minimum(np.abs(beats[after] - wanted), np.abs(wanted - beats[after - 1]))
    return -float(np.median(nearest))
