"""Chords played by a plain synthesizer: every note a decaying sum of harmonics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RATE = 22_050
_SHAPES = {"": (0, 4, 7), "m": (0, 3, 7), "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11)}
_SHAPES["m7"] = (0, 3, 7, 10)
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def tone(midi: float, seconds: float) -> NDArray[np.float64]:
    """``[samples]``: one note of ten harmonics, peak about 2."""
    times = np.arange(round(seconds * RATE)) / RATE
    hz = 440 * 2 ** ((midi - 69) / 12)
    harmonics = (0.6**n * np.sin(2 * np.pi * hz * (n + 1) * times) for n in range(10))
    return np.exp(-times) * sum(harmonics)


def played(
    symbols: Sequence[str], *, seconds: float = 2.0, cents: float = 0.0
) -> NDArray[np.float32]:
    """``[samples]`` at ``RATE``: each symbol (``"F#m7"``) with its root in the bass, peak 0.5."""
    song = np.concatenate([_chord(symbol, seconds, cents / 100) for symbol in symbols])
    return (song / np.abs(song).max() / 2).astype(np.float32)


def _chord(symbol: str, seconds: float, shift: float) -> NDArray[np.float64]:
    name = symbol[:2] if symbol[1:2] == "#" else symbol[:1]
    root = _NAMES.index(name)
    notes = [36 + root]
    notes += [55 + (root + step - 7) % 12 for step in _SHAPES[symbol[len(name) :]]]
    return sum(tone(note + shift, seconds) for note in notes)
