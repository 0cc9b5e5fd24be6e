"""From onsets to tempo, beats and bars: the method on one page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stemwright.errors import Cancelled

from .downbeats import find_bars
from .grid import Notes, sample
from .hypotheses import hypotheses
from .judge import TempoCandidate, judge
from .onset import FRAME_RATE, Onsets
from .periodicity import periodicity, whiten
from .tracking import beats_per_minute, unrest, while_audible, whole_song

Seconds = NDArray[np.float64]

SHORTEST_S = 2.0
_SILENCE = 1e-4  # -80 dB
_LEAST_ONSET = 0.1  # the strongest in a hundred: music from 0.9 on, held tones below 0.09
_LEAST_CONFIDENCE = 0.25
_LEAST_BEATS, _CONVINCING_BEATS = 5, 8
_STEADY_UNREST = 0.05
_NONE = np.empty(0)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Tempo, beats and bars of a song, or why there are none."""

    tempo: float | None
    """Beats per minute."""
    confidence: float
    """Probability, 0-1, that `tempo` is right, or without one: that there is a beat after all."""
    candidates: tuple[TempoCandidate, ...] = ()
    """Other tempos the song may be heard in, with the one chosen, the likeliest first."""
    beats_s: Seconds = field(default_factory=_NONE.copy)
    """``[beats]``"""
    downbeats_s: Seconds = field(default_factory=_NONE.copy)
    """``[bars]``: those beats that begin a bar."""
    meter: int | None = None
    """Beats in a bar."""
    meter_confidence: float = 0.0
    steady: bool = False
    """Whether the tempo stays within some 5 % from bar to bar."""
    absence: str | None = None
    """Why there is no tempo; ``None`` if there is one."""


def find_rhythm(onsets: Onsets, cancelled: Callable[[], bool] = lambda: False) -> Rhythm:
    """Return the rhythm of a song heard by `OnsetStream`.

    Best results come from the drums and the bass where those stems exist. Raises `Cancelled`.
    """
    if onsets.seconds < SHORTEST_S:
        return Rhythm(None, 0.0, absence="it is too short for a beat to be heard")
    if onsets.level.max() < _SILENCE:
        return Rhythm(None, 0.0, absence="it is silent")
    if np.percentile(onsets.strength.max(axis=0), 99) < _LEAST_ONSET:
        return Rhythm(None, 0.0, absence="nothing in it begins or ends")
    whitened = whiten(onsets.strength)
    repeated = periodicity(whitened)
    readings = hypotheses(whitened, onsets.pitches, repeated)
    _stop_if(cancelled)
    if not readings:
        return Rhythm(None, 0.0, absence="nothing in it repeats")
    verdict = judge(readings)
    if verdict.confidence < _LEAST_CONFIDENCE:
        return Rhythm(None, verdict.confidence, verdict.candidates, absence="it has no steady beat")
    beats = while_audible(whole_song(whitened, repeated, verdict.chosen), onsets.level)
    _stop_if(cancelled)
    if len(beats) < _LEAST_BEATS:
        return Rhythm(None, 0.0, verdict.candidates, absence="too few beats are heard in it")
    beats_s = beats / FRAME_RATE
    bars = find_bars(sample(whitened, Notes(onsets.pitches), beats))
    return Rhythm(
        tempo=beats_per_minute(beats_s),
        confidence=verdict.confidence * min(len(beats) / _CONVINCING_BEATS, 1.0),
        candidates=verdict.candidates,
        beats_s=beats_s,
        downbeats_s=beats_s[bars.first],
        meter=bars.meter,
        meter_confidence=bars.confidence,
        steady=unrest(beats_s) < _STEADY_UNREST,
    )


def _stop_if(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("the analysis was stopped")
