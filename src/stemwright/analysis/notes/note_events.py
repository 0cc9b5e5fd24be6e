"""Notes from activations: each begins at a peak of starting and lasts while it sounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .listen import FRAME_S, LOWEST_PITCH, NoteActivations

_STARTS = 0.6  # the authors use 0.5; octaves and echoes of piano and guitar begin below 0.6
_SOUNDS = 0.3
_UNSTARTED_SOUNDS = 0.5  # mean activation that makes up for a start nobody heard
_PAUSE_FRAMES = 9  # 0.1 s: a shorter dip does not end a note
_SHORTEST_FRAMES = 6


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """One note of a stem."""

    start_s: float
    end_s: float
    pitch: int
    """MIDI number, 60 = C4."""
    velocity: int
    """1 to 127, from how sure the network was: louder notes stand out more."""


def notes_of(activations: NoteActivations) -> tuple[Note, ...]:
    """Every note, by its start."""
    found = (
        note
        for pitch in range(activations.sounding.shape[1])
        for note in _of_pitch(activations, pitch)
    )
    return tuple(sorted(found))


def _of_pitch(activations: NoteActivations, pitch: int) -> Iterator[Note]:
    sounding = activations.sounding[:, pitch].astype(np.float32)
    starts = _peaks(activations.starting[:, pitch].astype(np.float32))
    for first, last in _stretches(sounding >= _SOUNDS):
        inside = starts[(starts >= first - _PAUSE_FRAMES) & (starts < last)]
        for begin, end in _divided(first, last, inside, sounding):
            if end - begin >= _SHORTEST_FRAMES:
                yield _note(begin, end, pitch, float(sounding[begin:end].mean()))


def _divided(
    first: int, last: int, starts: NDArray[np.int64], sounding: NDArray[np.float32]
) -> Iterator[tuple[int, int]]:
    """Cut a stretch of sound at the starts within it."""
    if len(starts) == 0:
        if sounding[first:last].mean() >= _UNSTARTED_SOUNDS:
            yield first, last
        return
    yield from zip(starts.tolist(), [*starts[1:].tolist(), last], strict=True)


def _peaks(starting: NDArray[np.float32]) -> NDArray[np.int64]:
    """Frames ``[starts]`` where ``[frames]`` is highest among its neighbours and high enough."""
    padded = np.pad(starting, 1)
    rises, falls = starting > padded[:-2], starting >= padded[2:]
    return np.flatnonzero(rises & falls & (starting >= _STARTS))


def _stretches(sounds: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and past-the-last frames where ``[frames]`` holds, across short pauses."""
    edges = np.flatnonzero(np.diff(np.pad(sounds.astype(np.int8), 1)))
    joined: list[tuple[int, int]] = []
    for first, last in edges.reshape(-1, 2).tolist():
        if joined and first - joined[-1][1] < _PAUSE_FRAMES:
            joined[-1] = joined[-1][0], last
        else:
            joined.append((first, last))
    return joined


def _note(begin: int, end: int, pitch: int, activation: float) -> Note:
    velocity = int(np.clip(round(127 * activation), 1, 127))
    return Note(round(begin * FRAME_S, 4), round(end * FRAME_S, 4), LOWEST_PITCH + pitch, velocity)
