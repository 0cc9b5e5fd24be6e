"""Seconds to the ticks of a MIDI file, so that a sequencer's bars fall where the song's do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TICKS_PER_BEAT = 480
_STEADY_S = 0.5
_EVENED_BEATS = 9
_LONGEST_BEAT_US = 2**24 - 1

Seconds = Sequence[float] | NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TempoMap:
    """The beats of a song and how they are grouped."""

    beats_s: NDArray[np.float64]
    """``[beats]`` from 0 on, rising; beat ``i`` is tick ``i * TICKS_PER_BEAT``."""
    meter: int
    """Beats in a bar."""
    pickup: int
    """Beats before the first downbeat, fewer than ``meter``."""

    @classmethod
    def steady(cls, until_s: float) -> TempoMap:
        """120 beats a minute, for what has no steady tempo of its own."""
        return cls(np.arange(0.0, until_s + 2 * _STEADY_S, _STEADY_S), 4, 0)

    @classmethod
    def of(cls, beats_s: Seconds, downbeats_s: Seconds, meter: int, until_s: float) -> TempoMap:
        """From a song's beats; beats of the same pace lead in to the first and on to the end."""
        beats = np.asarray(beats_s, np.float64)
        if len(beats) < 2 or np.diff(beats).min() <= 0:
            return cls.steady(until_s)
        period = float(np.median(np.diff(beats)))
        lead = _lead_in(float(beats[0]), period)
        tail = np.arange(beats[-1] + period, until_s + 2 * period, period)
        pickup = 0
        if len(downbeats_s):
            first = int(np.argmin(np.abs(beats - downbeats_s[0])))
            pickup = (len(lead) + first) % meter
        return cls(np.concatenate([lead, beats, tail]), meter, pickup)

    def ticks(self, times_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """Ticks ``[n]`` of times ``[n]`` in seconds."""
        places = np.interp(times_s, self.beats_s, np.arange(len(self.beats_s)))
        return np.asarray(np.round(places * TICKS_PER_BEAT), np.int64)

    def tempos(self) -> Iterator[tuple[int, int]]:
        """Tick and microseconds a beat, wherever the tempo changes."""
        lengths = np.round(np.diff(self.beats_s) * 1e6).astype(np.int64)
        before = 0
        for beat, length in enumerate(np.clip(lengths, 1, _LONGEST_BEAT_US).tolist()):
            if length != before:
                yield beat * TICKS_PER_BEAT, length
            before = length


def evened(beats_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take the jitter of a tracker's frames out of ``[beats]`` that keep a steady tempo.

    Deviations from an even pulse are averaged over nine beats; slow drift stays.
    """
    if len(beats_s) < _EVENED_BEATS:
        return beats_s
    places = np.arange(len(beats_s))
    pulse = np.polynomial.Polynomial.fit(places, beats_s, 1)(places)
    half = _EVENED_BEATS // 2
    drift = np.pad(beats_s - pulse, half, mode="edge")
    return np.asarray(
        pulse + np.convolve(drift, np.full(_EVENED_BEATS, 1 / _EVENED_BEATS), "valid")
    )


def _lead_in(first_s: float, period_s: float) -> NDArray[np.float64]:
    """Beats from 0 up to the first one, as near to its pace as fits."""
    if first_s <= 0:
        return np.empty(0)
    count = max(round(first_s / period_s), 1)
    return np.linspace(0.0, first_s, count, endpoint=False)
