"""Every grid of beats worth judging: each candidate period, on the beat and off it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .beats import track_beats
from .candidates import candidate_periods
from .evidence import evidence
from .grid import Notes, sample
from .onset import FRAME_RATE, PITCH_EVERY, Array
from .periodicity import Periodicity, clarity

TIGHTNESSES = (60.0, 1000.0)
SHIFTS = (0.0, 1 / 3, 1 / 2, 2 / 3)
EXCERPT_FRAMES = int(60 * FRAME_RATE)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One reading of the rhythm."""

    period: float
    """Median frames from beat to beat."""
    beats: NDArray[np.float64]
    """Frames ``[beats]`` within the excerpt it was judged on."""
    tightness: float
    """With which the beats were tracked."""
    clarity: tuple[float, float]
    """See `periodicity.clarity`."""
    evidence: Array
    """``[numbers]``, see `evidence`."""


def hypotheses(whitened: Array, pitches: Array, found: Periodicity) -> list[Hypothesis]:
    """Return the readings of the minute that repeats most clearly."""
    start, stop, lags = _clearest(whitened.shape[1], found)
    excerpt = whitened[:, start:stop]
    notes = Notes(pitches[:, start // PITCH_EVERY : stop // PITCH_EVERY + 1])
    strength = accent_curve(excerpt)
    readings = []
    for period in candidate_periods(lags):
        clear = clarity(lags, period)
        for tightness in TIGHTNESSES:
            beats = track_beats(strength, np.full(len(strength), period, np.float32), tightness)
            if len(beats) < 4:
                continue
            for shift in SHIFTS:
                times = shifted(beats.astype(np.float64), shift)
                middle = float(np.median(np.diff(times)))
                numbers = evidence(sample(excerpt, notes, times), lags, np.diff(times))
                readings.append(Hypothesis(middle, times + start, tightness, clear, numbers))
    return readings


def shifted(beats: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Return the beats moved by a share of their intervals; the last one has none and goes."""
    return beats[:-1] + share * np.diff(beats) if share else beats


def accent_curve(whitened: Array) -> Array:
    """Return one strength ``[frames]`` from all bands, spread 1, smoothed over 50 ms."""
    total = whitened.sum(axis=0)
    kernel = np.array([0.2, 0.6, 1.0, 0.6, 0.2]) / 2.6
    smooth = np.convolve(total, kernel, mode="same") if len(total) > 4 else total
    curve: Array = (smooth / max(float(smooth.std()), 1e-6)).astype(np.float32)
    return curve


def _clearest(frames: int, found: Periodicity) -> tuple[int, int, Array]:
    """Return the frames and the autocorrelation of the minute that repeats most clearly."""
    step = int(found.step_s * FRAME_RATE + 0.5)
    many = max(EXCERPT_FRAMES // step - 3, 1)
    strongest = np.sort(found.lags[:, 25:200], axis=1)[:, -10:].mean(axis=1)
    if len(strongest) <= many:
        return 0, frames, found.lags.mean(axis=0)
    first = int(np.argmax(np.convolve(strongest, np.ones(many), mode="valid")))
    chosen = found.lags[first : first + many].mean(axis=0)
    return first * step, min(first * step + EXCERPT_FRAMES, frames), chosen
