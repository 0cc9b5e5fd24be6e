"""A composed piece: notes in beats, a clock from beats to seconds, and what is true of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .theory import Chord, Key

Part = str
PARTS: tuple[Part, ...] = ("drums", "bass", "other", "vocals")
"""As a separation would name them; the melody instrument stands for the voice."""


@dataclass(frozen=True, slots=True)
class Note:
    """One note; start and length in beats, pitch and velocity as in MIDI."""

    part: Part
    start: float
    length: float
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Clock:
    """When each beat sounds; between beats time runs evenly."""

    beat_times_s: NDArray[np.float64]

    def at(self, beat: float) -> float:
        """Seconds at a position in beats, beyond both ends at the pace found there."""
        times = self.beat_times_s
        index = int(np.clip(np.floor(beat), 0, len(times) - 2))
        return float(times[index] + (beat - index) * (times[index + 1] - times[index]))


@dataclass(frozen=True, slots=True)
class Bar:
    """What sounds in a bar, and where it belongs."""

    section: str
    key: Key
    chords: tuple[tuple[float, Chord], ...]
    """Each with its first beat within the bar."""


@dataclass(slots=True)
class Piece:
    """A composed piece with its answers."""

    name: str
    seed: int
    bpm: float
    meter: int
    key: Key
    bars: list[Bar]
    clock: Clock
    style: str
    traits: list[str]
    programs: dict[Part, int]
    notes: list[Note] = field(default_factory=list)
    steady: bool = True
    swing: bool = False
    tuning_cents: float = 0.0
    humanise_s: float = 0.0
    sample_rate: int = 44_100
    channels: int = 2
    tail_s: float = 1.0
    level: float = 0.8
    reverb: bool = True

    @property
    def beats(self) -> int:
        return len(self.bars) * self.meter

    def labels(self) -> dict[str, Any]:
        """All answers, times in seconds, ready for JSON."""
        at = self.clock.at
        beats = [round(at(beat), 4) for beat in range(self.beats)]
        return {
            "file": f"{self.name}.flac",
            "seed": self.seed,
            "style": self.style,
            "traits": self.traits,
            "bpm": round(self._tempo(beats), 3),
            "steady": self.steady,
            "meter": self.meter,
            "swing": self.swing,
            "beats": beats,
            "downbeats": beats[:: self.meter],
            "key": str(self.key),
            "keys": self._joined([str(bar.key) for bar in self.bars]),
            "tuning_cents": self.tuning_cents,
            "chords": self._chords(),
            "sections": self._joined([bar.section for bar in self.bars], by_section=True),
            "duration_s": round(at(self.beats) + self.tail_s, 3),
            "sample_rate": self.sample_rate,
            "channels": self.channels,
        }

    def _tempo(self, beats: list[float]) -> float:
        return 60 / float(np.median(np.diff(beats)))

    def _chords(self) -> list[list[Any]]:
        marks = [
            (index * self.meter + beat, str(chord))
            for index, bar in enumerate(self.bars)
            for beat, chord in bar.chords
        ]
        ends = [start for start, _ in marks[1:]] + [self.beats]
        spans = [[start, end, label] for (start, label), end in zip(marks, ends, strict=True)]
        return self._in_seconds(_merged(spans))

    def _joined(self, names: list[str], *, by_section: bool = False) -> list[list[Any]]:
        spans = [[i * self.meter, (i + 1) * self.meter, name] for i, name in enumerate(names)]
        if by_section:  # "A1", "A2" are two sections of one label
            joined = _merged(spans)
            return self._in_seconds([[start, end, name[0]] for start, end, name in joined])
        return self._in_seconds(_merged(spans))

    def _in_seconds(self, spans: list[list[Any]]) -> list[list[Any]]:
        at = self.clock.at
        return [[round(at(start), 4), round(at(end), 4), name] for start, end, name in spans]


def _merged(spans: list[list[Any]]) -> list[list[Any]]:
    merged: list[list[Any]] = []
    for start, end, name in spans:
        if merged and merged[-1][2] == name:
            merged[-1][1] = end
        else:
            merged.append([start, end, name])
    return merged
