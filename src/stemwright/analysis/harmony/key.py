"""The key as one value with its spellings, and what an estimate of it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .chroma import PITCH_CLASSES

Mode = Literal["major", "minor"]
MODES: tuple[Mode, ...] = ("major", "minor")


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic and a mode; sharps only, as both contracts spell it."""

    tonic: int
    """0 = C to 11 = B."""
    mode: Mode

    @property
    def name(self) -> str:
        """``A minor``, ``F# major``."""
        return f"{PITCH_CLASSES[self.tonic]} {self.mode}"

    @property
    def short(self) -> str:
        """``Am``, ``F#``."""
        return PITCH_CLASSES[self.tonic] + ("m" if self.mode == "minor" else "")

    @property
    def camelot(self) -> str:
        """Hour and ring of the wheel DJs mix by: neighbours share six of seven notes."""
        # a fifth up is an hour later; C major is 8B and its relative minor 8A
        relative_major = self.tonic if self.mode == "major" else self.tonic + 3
        hour = (7 * relative_major + 7) % 12 + 1
        return f"{hour}{'B' if self.mode == 'major' else 'A'}"

    @property
    def sharps(self) -> int:
        """Sharps of its signature; negative for flats, as MIDI files want it."""
        relative_major = self.tonic if self.mode == "major" else self.tonic + 3
        return (7 * relative_major + 5) % 12 - 5

    @property
    def index(self) -> int:
        """Place among all 24: majors from C, then minors from C."""
        return self.tonic + 12 * MODES.index(self.mode)

    def __str__(self) -> str:
        return self.name


ALL_KEYS: tuple[Key, ...] = tuple(Key(tonic, mode) for mode in MODES for tonic in range(12))
"""In the order of ``Key.index``."""


@dataclass(frozen=True, slots=True)
class KeyCandidate:
    """A key the song may be in."""

    key: Key
    probability: float


@dataclass(frozen=True, slots=True)
class KeySpan:
    """A stretch of a song in one key."""

    start_s: float
    end_s: float
    key: Key


@dataclass(frozen=True, slots=True)
class KeyEstimate:
    """What was found out about a song's key."""

    key: Key | None
    """None when nothing in the song has a key: silence, noise, speech, drums alone."""
    confidence: float
    """Chance that ``key`` is right, calibrated on rendered pieces: of those given 0.9 about nine
    in ten are. 0 without a key."""
    candidates: tuple[KeyCandidate, ...]
    """The likeliest first; empty without a key."""
    spans: tuple[KeySpan, ...]
    """Keys over time, without gaps; more than one when the song modulates."""

    @property
    def modulates(self) -> bool:
        """Whether the song leaves its key for good or for a while."""
        return len(self.spans) > 1


NO_KEY = KeyEstimate(None, 0.0, (), ())
