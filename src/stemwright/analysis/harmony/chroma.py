"""Pitch classes in three registers, folded from note salience.

The bass mostly says the root, the middle the chord, and what sings above both wanders: kept apart,
each can be weighed for what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .salience import LOWEST_NOTE, NOTES

PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
REGISTERS = ("bass", "middle", "high")

# MIDI notes between which a register fades in and out
_FADES = {"bass": (20, 21, 42, 54), "middle": (42, 54, 66, 74), "high": (66, 74, 90, 100)}


@dataclass(frozen=True, slots=True)
class Chroma:
    """Pitch-class profiles over time."""

    registers: NDArray[np.float32]
    """``[frames, registers, 12]``, from the bass up, pitch classes from C, 0 or more."""

    @property
    def total(self) -> NDArray[np.float32]:
        """``[frames, 12]``: all registers together."""
        return np.asarray(self.registers.sum(axis=1), np.float32)


NO_CHROMA = Chroma(np.empty((0, len(REGISTERS), 12), np.float32))


def fold(salience: NDArray[np.float32]) -> Chroma:
    """Add up the octaves of ``[frames, NOTES]`` within each register."""
    return Chroma(np.stack([salience @ _folding(register) for register in REGISTERS], axis=1))


@cache
def _folding(register: str) -> NDArray[np.float32]:
    midi = LOWEST_NOTE + np.arange(NOTES)
    in_from, in_to, out_from, out_to = _FADES[register]
    fade_in = np.clip((midi - in_from + 0.5) / (in_to - in_from), 0, 1)
    fade_out = np.clip((out_to - midi + 0.5) / (out_to - out_from), 0, 1)
    matrix = np.zeros((NOTES, 12), np.float32)
    matrix[np.arange(NOTES), midi % 12] = fade_in * fade_out
    return matrix
