"""Keys, chords and progressions a piece is composed of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["major", "minor"]

PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
SCALES: dict[Mode, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
}
_INTERVALS = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
}
_SEVENTHS = {"maj": "maj7", "min": "min7", "7": "7"}

# (semitones above the tonic, quality)
Degree = tuple[int, str]
_ROMAN: dict[str, Degree] = {
    "I": (0, "maj"),
    "ii": (2, "min"),
    "iii": (4, "min"),
    "III": (3, "maj"),  # the mediant and what follows in capitals belong to minor
    "IV": (5, "maj"),
    "V": (7, "maj"),
    "vi": (9, "min"),
    "VI": (8, "maj"),
    "VII": (10, "maj"),
    "i": (0, "min"),
    "iv": (5, "min"),
    "v": (7, "min"),
}


def _degrees(*progressions: str) -> list[list[Degree]]:
    return [[_ROMAN[numeral] for numeral in progression.split()] for progression in progressions]


HOME: dict[Mode, list[list[Degree]]] = {
    "major": _degrees(
        "I V vi IV",
        "I vi IV V",
        "I IV V I",
        "I vi ii V",
        "I iii IV V",
        "I IV vi V",
        "I VII IV I",
        "I I IV V",
    ),
    "minor": _degrees(
        "i VI III VII",
        "i iv V i",
        "i VII VI V",
        "i VI iv V",
        "i v VI iv",
        "i iv i V",
        "i VII i V",
        "i i iv V",
    ),
}
AWAY: dict[Mode, list[list[Degree]]] = {
    "major": _degrees(
        "vi IV I V",
        "IV V iii vi",
        "ii V I vi",
        "IV I V vi",
        "vi iii IV V",
    ),
    "minor": _degrees(
        "VI VII i i",
        "iv VII III VI",
        "VI III VII i",
        "iv i V i",
    ),
}


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic, 0 = C to 11 = B, and a mode."""

    tonic: int
    mode: Mode

    def __str__(self) -> str:
        return f"{PITCHES[self.tonic]} {self.mode}"

    def up(self, semitones: int) -> Key:
        return Key((self.tonic + semitones) % 12, self.mode)

    def scale(self) -> tuple[int, ...]:
        """Its pitch classes."""
        return tuple((self.tonic + step) % 12 for step in SCALES[self.mode])

    def chord(self, degree: Degree, *, sevenths: bool) -> Chord:
        step, quality = degree
        if sevenths:
            dominant = quality == "maj" and step in {7, 10}
            quality = "7" if dominant else _SEVENTHS[quality]
        return Chord((self.tonic + step) % 12, quality)


@dataclass(frozen=True, slots=True)
class Chord:
    """A root, 0 = C to 11 = B, and a quality in Harte's shorthand."""

    root: int
    quality: str

    def __str__(self) -> str:
        return f"{PITCHES[self.root]}:{self.quality}"

    def pitches(self, around: int) -> list[int]:
        """MIDI numbers of its close voicing nearest to a centre."""
        classes = [(self.root + step) % 12 for step in _INTERVALS[self.quality]]
        return sorted(nearest(pitch, around) for pitch in classes)

    def classes(self) -> list[int]:
        return [(self.root + step) % 12 for step in _INTERVALS[self.quality]]


def nearest(pitch_class: int, around: int) -> int:
    """The MIDI number of a pitch class that lies closest to another number."""
    return around + (pitch_class - around + 6) % 12 - 6


ALL_KEYS = [Key(tonic, mode) for mode in ("major", "minor") for tonic in range(12)]
