"""Sections of a song and which of them repeat.

Bars are compared by their harmony and their timbre. A boundary is where the bars before it resemble
each other, those after it do so, too, and the two groups differ: J. Foote, "Automatic audio
segmentation using a measure of audio novelty", ICME 2000. Sections whose bars resemble each other
one by one get one label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHROMA_FPS, MFCC_FPS = 10.0, 22_050 / 512

_FEWEST_BARS = 8
_PLAIN_STEP_S = 2.0  # without beats to go by
_SLOTS = 4
_RADIUS_BARS = 8
_SHORTEST_BARS = 4
_PHRASE_BARS = 4
_NOVELTY_FLOOR = 0.03
_NOVELTY_SHARE = 0.2
_OFF_PHRASE_SHARE = 0.6
_SAME_SECTION = 0.62
_MOST_UNITS = 1200
_TIMBRE_WEIGHT = 0.35

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a song; sections of one label repeat each other."""

    start_s: float
    end_s: float
    label: str
    """``A`` for what comes first, ``B`` for the next that differs, and so on."""


def find_sections(
    chroma: NDArray[np.float32],
    mfcc: NDArray[np.float32],
    downbeats_s: Array,
    duration_s: float,
) -> tuple[Section, ...]:
    """Sections without gaps from 0 to the end of the song.

    Parameters
    ----------
    chroma
        ``[12, frames]``, ten a second.
    mfcc
        ``[13, frames]``, 43 a second.
    downbeats_s
        ``[bars]``; may be empty.
    duration_s
        Length of the song.

    """
    edges = _edges(downbeats_s, duration_s)
    if len(edges) - 1 < _FEWEST_BARS:
        return (Section(0.0, duration_s, "A"),) if duration_s > 0 else ()
    harmony = _unit_rows(_per_bar(chroma, edges, CHROMA_FPS, _SLOTS))
    timbre = _standardised(_per_bar(mfcc[1:], edges, MFCC_FPS, 1))
    cuts = _boundaries(harmony, timbre)
    labels = _labels(harmony, timbre, cuts)
    return _sections(edges, cuts, labels, duration_s)


def _edges(downbeats_s: Array, duration_s: float) -> Array:
    """Where bars, or else steps of two seconds, begin; and the end of the song."""
    inside = downbeats_s[(downbeats_s >= 0) & (downbeats_s < duration_s - 0.1)]
    if len(inside) < _FEWEST_BARS:
        inside = np.arange(0.0, max(duration_s - _PLAIN_STEP_S / 2, 0), _PLAIN_STEP_S)
    every = max(-(-len(inside) // _MOST_UNITS), 1)
    return np.append(inside[::every], duration_s)


def _per_bar(rows: NDArray[np.float32], edges: Array, fps: float, slots: int) -> Array:
    """Mean of ``[rows, frames]`` over each part of each bar: ``[bars, slots * rows]``."""
    shares = np.arange(slots) / slots
    starts = (edges[:-1, None] + np.diff(edges)[:, None] * shares).ravel()
    at = np.round(np.append(starts, edges[-1]) * fps).astype(np.int64)
    at = np.clip(at, 0, rows.shape[1])
    total = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(rows, axis=1, dtype=float)], axis=1)
    means = (total[:, at[1:]] - total[:, at[:-1]]) / np.maximum(np.diff(at), 1)
    return np.asarray(means.T.reshape(len(edges) - 1, -1))


def _boundaries(harmony: Array, timbre: Array) -> list[int]:
    """Bars that begin a section, the first one included."""
    novelty = _novelty(harmony, timbre)
    floor = max(_NOVELTY_FLOOR, _NOVELTY_SHARE * float(novelty.max()))
    cuts = [0]
    while (best := _next_cut(novelty, cuts, floor)) is not None:
        cuts = sorted([*cuts, best])
    return cuts


def _novelty(harmony: Array, timbre: Array) -> Array:
    """Foote's measure at each bar, from neighbours up to `_RADIUS_BARS` away."""
    bars = len(harmony)
    content = _unit_rows(harmony.reshape(bars, _SLOTS, -1).sum(axis=1))
    alike = (1 - _TIMBRE_WEIGHT) * _centred(content) + _TIMBRE_WEIGHT * _centred(timbre)
    radius = min(_RADIUS_BARS, bars // 2)
    steps = np.arange(-radius, radius) + 0.5
    taper = np.exp(-2 * (steps / radius) ** 2)
    kernel = np.outer(np.sign(steps) * taper, np.sign(steps) * taper)
    kernel /= np.abs(kernel).sum()
    padded = np.pad(alike, radius, mode="reflect")
    return np.array(
        [(padded[k : k + 2 * radius, k : k + 2 * radius] * kernel).sum() for k in range(bars)]
    )


def _next_cut(novelty: Array, cuts: list[int], floor: float) -> int | None:
    """The most novel bar far enough from the cuts so far; whole phrases are preferred."""
    bars = np.arange(len(novelty))
    distance = np.min([np.abs(bars - cut) for cut in [*cuts, len(novelty)]], axis=0)
    on_phrase = np.min([(bars - cut) % _PHRASE_BARS for cut in cuts], axis=0) == 0
    worth = np.where(on_phrase, novelty, _OFF_PHRASE_SHARE * novelty)
    worth = np.where(distance >= _SHORTEST_BARS, worth, -1.0)
    best = int(np.argmax(worth))
    return best if worth[best] > floor else None


def _labels(harmony: Array, timbre: Array, cuts: list[int]) -> list[int]:
    """A number for each section; a section joins the earlier one it resembles most."""
    ends = [*cuts[1:], len(harmony)]
    spans = list(zip(cuts, ends, strict=True))
    labels: list[int] = []
    for number, span in enumerate(spans):
        alike = [_likeness(harmony, timbre, span, spans[earlier]) for earlier in range(number)]
        best = int(np.argmax(alike)) if alike else -1
        known = best >= 0 and alike[best] > _SAME_SECTION
        labels.append(labels[best] if known else max(labels, default=-1) + 1)
    return labels


def _likeness(harmony: Array, timbre: Array, one: tuple[int, int], other: tuple[int, int]) -> float:
    """How alike two sections are bar by bar, from their beginnings on."""
    bars = min(one[1] - one[0], other[1] - other[0])
    here, there = slice(one[0], one[0] + bars), slice(other[0], other[0] + bars)
    chords = float(np.einsum("bk,bk->b", harmony[here], harmony[there]).mean())
    sound = float(np.einsum("bk,bk->b", timbre[here], timbre[there]).mean())
    return (1 - _TIMBRE_WEIGHT) * chords + _TIMBRE_WEIGHT * sound


def _sections(
    edges: Array, cuts: list[int], labels: list[int], duration_s: float
) -> tuple[Section, ...]:
    """Neighbours of one label are one section: nothing changes between them."""
    kept = [n for n in range(len(cuts)) if n == 0 or labels[n] != labels[n - 1]]
    starts = [0.0, *(float(edges[cuts[n]]) for n in kept[1:])]
    ends = [*starts[1:], duration_s]
    names = [_name(labels[n]) for n in kept]
    return tuple(Section(*it) for it in zip(starts, ends, names, strict=True))


def _name(number: int) -> str:
    """``A`` to ``Z``, then ``A2`` and so on."""
    letter = chr(ord("A") + number % 26)
    return letter if number < 26 else f"{letter}{number // 26 + 1}"


def _unit_rows(rows: Array) -> Array:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9))


def _standardised(rows: Array) -> Array:
    """Each column with mean 0 and deviation 1, then each row of length 1."""
    deviation = rows.std(axis=0, keepdims=True)
    return _unit_rows((rows - rows.mean(axis=0, keepdims=True)) / np.maximum(deviation, 1e-6))


def _centred(rows: Array) -> Array:
    """Products of all pairs of rows, from which the mean is taken first."""
    centred = _unit_rows(rows - rows.mean(axis=0, keepdims=True))
    products: Array = centred @ centred.T
    return products
