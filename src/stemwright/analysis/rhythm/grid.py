"""A song seen from a grid of beats: what sounds on each beat and on each twelfth of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .onset import PITCH_EVERY, Array

PLACES = 12
"""Places in a beat, so that halves, thirds, quarters and sixths each have one."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What sounds at each beat; the last beat is left out, having no end."""

    accents: Array
    """``[beats, PLACES, bands]``: whitened onset strength, the best near each place."""
    change: Array
    """``[beats, 2]``: how different the notes are before and after each beat and half beat, 0-1."""
    notes: Array
    """``[beats, notes]``: the mean pitches of each beat, of length 1 or 0."""


class Notes:
    """The notes of a song, ready to be averaged over many stretches; ``pitches`` as in `Onsets`."""

    def __init__(self, pitches: Array) -> None:
        start = np.zeros((len(pitches), 1))
        self._total = np.concatenate([start, np.cumsum(pitches, axis=1, dtype=np.float64)], axis=1)

    def between(self, edges: NDArray[np.float64]) -> Array:
        """Return what sounds between neighbouring edges in frames: ``[n - 1, notes]``, length 1."""
        last = self._total.shape[1] - 1
        at = np.clip(edges / PITCH_EVERY + 0.5, 0, last)
        whole = np.minimum(at.astype(np.intp), max(last - 1, 0))
        here, after = self._total[:, whole], self._total[:, np.minimum(whole + 1, last)]
        means = np.diff(here + (at - whole) * (after - here), axis=1).T
        means = np.maximum(means - np.median(means, axis=1, keepdims=True), 0)
        return np.asarray(means / (np.linalg.norm(means, axis=1, keepdims=True) + 1e-6), np.float32)


def sample(whitened: Array, sounding: Notes, beats: NDArray[np.float64]) -> Grid:
    """Return the grid of ``beats [n]``, frames in order, at least two.

    ``whitened`` is ``[bands, frames]``.
    """
    intervals = np.diff(beats)
    places = beats[:-1, None] + intervals[:, None] * np.arange(PLACES) / PLACES
    notes = sounding.between(beats)
    halves = sounding.between(np.append(beats[:-1] + intervals / 2, beats[-1]))
    return Grid(
        accents=_accents(whitened, places),
        change=np.stack([_change(notes), _change(halves)], axis=1),
        notes=notes,
    )


def _accents(whitened: Array, places: NDArray[np.float64]) -> Array:
    """Return the greatest strength within a frame of each place, ``[beats, PLACES, bands]``."""
    last = whitened.shape[1] - 1
    middle = np.clip(np.rint(places).astype(np.intp), 0, last)
    around = [whitened[:, np.clip(middle + step, 0, last)] for step in (-1, 0, 1)]
    best: Array = np.moveaxis(np.max(around, axis=0), 0, -1)
    return best


def _change(notes: Array) -> Array:
    """Return 1 - cosine between each row and the one before, 0 for the first."""
    change = 1 - np.sum(notes[1:] * notes[:-1], axis=1)
    return np.concatenate([np.zeros(1, np.float32), change]).astype(np.float32)
