"""Chords with their times: what each frame sounds like, and that chords last.

Every chord is scored by a weighted sum of the pitch-class profiles seen from its root; the
weights, the same for all roots, are fitted by multinomial logistic regression. The most likely
sequence is found with Viterbi's algorithm over a hidden Markov model whose chords tend to stay
(Sheh and Ellis, "Chord segmentation and recognition using EM-trained hidden Markov models",
ISMIR 2003).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .chroma import PITCH_CLASSES, Chroma
from .learnt import Table, log_softmax, seen_from_each_root, table
from .pitch_frames import FRAME_S

Quality = Literal["maj", "min", "7", "maj7", "min7"]
QUALITIES: tuple[Quality, ...] = ("maj", "min", "7", "maj7", "min7")
STATES = 12 * len(QUALITIES) + 1
"""State ``12 * quality + root``; the last one is "no chord"."""
NO_CHORD = STATES - 1

_CHANGE_COST = 8.7
"""In log odds: a chord stays for 10 s on average, a change to any of the others is as likely."""
_SMOOTHED_FRAMES = 4
_FRAMES_AT_ONCE = 4096
_DOUBT = 1.5
"""Drums alone look more like no chord than like the best chord by 3 to 5, a choir in vibrato by 0:
the line is drawn between them."""
_SUFFIXES: dict[Quality, str] = {"maj": "", "min": "m", "7": "7", "maj7": "maj7", "min7": "m7"}


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord and how long it sounds."""

    start_s: float
    end_s: float
    root: int | None
    """0 = C to 11 = B; None for "no chord"."""
    quality: Quality | None

    @property
    def label(self) -> str:
        """In the syntax of Harte et al. (ISMIR 2005): ``F#:min7``, ``N``."""
        if self.root is None:
            return "N"
        return f"{PITCH_CLASSES[self.root]}:{self.quality}"

    @property
    def symbol(self) -> str:
        """As musicians write it: ``F#m7``; ``N.C.`` for none."""
        if self.root is None or self.quality is None:
            return "N.C."
        return PITCH_CLASSES[self.root] + _SUFFIXES[self.quality]


def chord_features(chroma: Chroma) -> Table:
    """``[frames, registers, 12]`` evened out over half a second, each profile of length 1."""
    return _unit(_smoothed(np.sqrt(chroma.registers)))


def chord_probabilities(chroma: Chroma) -> Table:
    """Log probability of every state in every frame taken by itself, ``[frames, STATES]``."""
    features = chord_features(chroma)
    probabilities = np.empty((len(features), STATES), np.float32)
    # twelve turned copies of every frame are large: of an hour, 60 MB
    for start in range(0, len(features), _FRAMES_AT_ONCE):
        some = slice(start, start + _FRAMES_AT_ONCE)
        scores = chord_scores(features[some], table("chords"), table("no_chord"))
        scores[:, NO_CHORD] -= _DOUBT
        probabilities[some] = log_softmax(scores)
    return probabilities


def chord_scores(features: Table, chords: Table, no_chord: Table) -> Table:
    """Scores ``[frames, STATES]`` of ``[frames, registers, 12]`` under tables of ``learnt``."""
    turned = seen_from_each_root(features)
    scores = turned @ chords[:, :-1].T + chords[:, -1]
    silence = flatness(features) @ no_chord[:-1] + no_chord[-1]
    by_quality = np.swapaxes(scores, 1, 2).reshape(len(features), -1)
    return np.concatenate([by_quality, silence[:, None]], axis=1)


def flatness(features: Table) -> Table:
    """What tells silence and noise from chords, ``[frames, 2 * registers]``: sums, lengths."""
    sums, lengths = features.sum(axis=2), np.sqrt((features**2).sum(axis=2))
    return np.concatenate([sums, lengths], axis=1)


def best_path(evidence: Table, change_cost: float = _CHANGE_COST) -> NDArray[np.int64]:
    """Viterbi's path ``[steps]`` through ``[steps, states]``: most evidence, less the changes."""
    frames, states = evidence.shape
    came_from = np.empty((frames, states), np.int8)  # fewer than 128 states
    best = np.zeros(states)
    own = np.arange(states, dtype=np.int8)
    for frame in range(frames):
        leader = int(best.argmax())
        changed = best[leader] - change_cost
        came_from[frame] = np.where(best >= changed, own, leader)
        best = np.maximum(best, changed) + evidence[frame]
    path = np.empty(frames, np.int64)
    state = int(best.argmax())
    for frame in range(frames - 1, -1, -1):
        path[frame] = state
        state = int(came_from[frame, state])
    return path


def chords_of(path: NDArray[np.int64], duration_s: float) -> tuple[Chord, ...]:
    """Runs of one state in ``[frames]`` as chords that follow each other without a gap."""
    return tuple(_runs(path, duration_s))


def _runs(path: NDArray[np.int64], duration_s: float) -> Iterator[Chord]:
    start = 0
    for state, run in groupby(path.tolist()):
        end = start + len(list(run))
        # a frame stands for the tenth of a second around its centre
        times = max((start - 0.5) * FRAME_S, 0.0), min((end - 0.5) * FRAME_S, duration_s)
        last = times[0], duration_s if end == len(path) else times[1]
        yield _chord(state, round(last[0], 3), round(last[1], 3))
        start = end


def _chord(state: int, start_s: float, end_s: float) -> Chord:
    if state == NO_CHORD:
        return Chord(start_s, end_s, None, None)
    return Chord(start_s, end_s, state % 12, QUALITIES[state // 12])


def _unit(profiles: Table) -> Table:
    length = np.sqrt((profiles**2).sum(axis=-1, keepdims=True))
    return np.asarray(profiles / (length + 0.1), np.float32)


def _smoothed(profiles: Table) -> Table:
    width = _SMOOTHED_FRAMES
    kernel = np.hanning(2 * width + 3)[1:-1]
    padded = np.pad(profiles, ((width, width), (0, 0), (0, 0)), mode="edge")
    shifted = (
        np.float32(weight) * padded[place : place + len(profiles)]
        for place, weight in enumerate(kernel / kernel.sum())
    )
    return np.asarray(sum(shifted), np.float32)
