"""Composed pieces as the rhythm analysis sees them, with what would be right to say of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from corpus.score import Piece
from stemwright.analysis.rhythm.downbeats import surroundings
from stemwright.analysis.rhythm.grid import Notes, sample
from stemwright.analysis.rhythm.hypotheses import Hypothesis, hypotheses
from stemwright.analysis.rhythm.onset import FRAME_RATE, Onsets, onsets_of
from stemwright.analysis.rhythm.periodicity import periodicity, whiten

Floats = NDArray[np.float64]

TOLERANCE_S = 0.07
SAME_TEMPO = 0.04
SLOWEST_BPM, FASTEST_BPM = 57.0, 197.0
_LEAST_USEFUL = 0.75


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece, played at some speed, and every reading of its rhythm."""

    seed: int
    bpm: float
    meter: int
    steady: bool
    readings: list[Hypothesis]
    quality: Floats
    """``[readings]``: F-measure of each reading's beats."""
    around: NDArray[np.float32]
    """``[beats, numbers]`` of the best reading, see `downbeats.surroundings`."""
    begins: NDArray[np.bool_]
    """``[beats]``: which of those begin a bar."""

    @property
    def useful(self) -> bool:
        """Whether there is something right to choose."""
        return SLOWEST_BPM <= self.bpm <= FASTEST_BPM and self.quality.max() > _LEAST_USEFUL

    @property
    def tempos(self) -> Floats:
        return np.array([60 * FRAME_RATE / reading.period for reading in self.readings])

    @property
    def right_tempo(self) -> NDArray[np.bool_]:
        close = SAME_TEMPO if self.steady else 0.1
        return np.asarray(np.abs(self.tempos / self.bpm - 1) < close)


def listen(piece: Piece, sound: NDArray[np.float32], speeds: tuple[float, ...]) -> Iterator[Heard]:
    """Yield what is heard of ``sound [samples]`` at each speed; 1.1 lasts a tenth longer."""
    onsets, labels = onsets_of(sound), piece.labels()
    for speed in speeds:
        slower = _stretched(onsets, speed)
        whitened = whiten(slower.strength)
        readings = hypotheses(whitened, slower.pitches, periodicity(whitened))
        if not readings:
            continue
        beats, downbeats = (speed * np.array(labels[name]) for name in ("beats", "downbeats"))
        quality = np.array([f_measure(beats, it.beats / FRAME_RATE) for it in readings])
        best = readings[int(np.argmax(quality))].beats
        grid = sample(whitened, Notes(slower.pitches), best)
        distance = np.abs(best[:-1, None] / FRAME_RATE - downbeats[None]).min(axis=1)
        yield Heard(
            seed=piece.seed,
            bpm=labels["bpm"] / speed,
            meter=piece.meter,
            steady=piece.steady,
            readings=readings,
            quality=quality,
            around=surroundings(grid),
            begins=distance < 0.1,
        )


def f_measure(wanted: Floats, beats: Floats) -> float:
    """Return how well beats agree with those wanted, both in seconds, where the former reach."""
    wanted = wanted[(wanted >= beats[0] - 0.2) & (wanted <= beats[-1] + 0.2)]
    if not len(wanted):
        return 0.0
    distance = np.abs(wanted[:, None] - beats[None])
    hits = np.count_nonzero(distance.min(axis=1) < TOLERANCE_S)
    precise = np.count_nonzero(distance.min(axis=0) < TOLERANCE_S)
    return 2 * min(hits, precise) / (len(wanted) + len(beats))


def _stretched(onsets: Onsets, speed: float) -> Onsets:
    if speed == 1:
        return onsets
    return replace(
        onsets,
        strength=_stretched_rows(onsets.strength, speed),
        pitches=_stretched_rows(onsets.pitches, speed),
    )


def _stretched_rows(rows: NDArray[np.float32], speed: float) -> NDArray[np.float32]:
    before = np.arange(rows.shape[1])
    at = np.arange(int(rows.shape[1] * speed)) / speed
    return np.array([np.interp(at, before, row) for row in rows], np.float32)
