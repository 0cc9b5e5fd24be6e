"""Everything about the harmony of a song, from its pitch frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .chords import Chord, best_path, chord_probabilities, chords_of
from .chroma import NO_CHROMA, Chroma, fold
from .key import NO_KEY, KeyEstimate
from .key_estimate import estimate_key
from .pitch_frames import PitchFrames
from .salience import note_salience
from .tuning import Tuning

_FRAMES_AT_ONCE = 1024
_LEAST_PITCH_CLASSES = 3
_AUDIBLE = 0.2
"""Of the strongest pitch class, averaged over the song; a weaker one does not count."""


@dataclass(frozen=True, slots=True)
class Harmony:
    """Tuning, key and chords of a song."""

    tuning: Tuning
    key: KeyEstimate
    chords: tuple[Chord, ...]
    """One after the other from 0 to the end; "no chord" where none is heard."""
    chroma: Chroma
    """What the chords were heard in, ten frames a second."""


def describe_harmony(frames: PitchFrames) -> Harmony:
    """Find tuning, chords and key; give frames of everything but drums where stems exist."""
    tuning = frames.tuning.estimate()
    if not len(frames.magnitudes):
        return Harmony(tuning, NO_KEY, (), NO_CHROMA)
    chroma = Chroma(np.concatenate(list(_chroma(frames, tuning.cents))))
    chords = chords_of(best_path(chord_probabilities(chroma)), frames.duration_s)
    key = estimate_key(chords, tuning.clarity) if _is_harmony(chroma) else NO_KEY
    return Harmony(tuning, key, chords, chroma)


def _is_harmony(chroma: Chroma) -> bool:
    """Whether there is more than a note and its overtone: one or two belong to any key."""
    notes = chroma.total.mean(axis=0)
    audible = np.count_nonzero(notes > _AUDIBLE * notes.max())
    return bool(audible >= _LEAST_PITCH_CLASSES)


def _chroma(frames: PitchFrames, cents: float) -> Iterator[NDArray[np.float32]]:
    """Registers of some frames after others: the notes of a long song would fill the memory."""
    for start in range(0, len(frames.magnitudes), _FRAMES_AT_ONCE):
        some = frames.magnitudes[start : start + _FRAMES_AT_ONCE]
        yield fold(note_salience(some, cents)).registers
