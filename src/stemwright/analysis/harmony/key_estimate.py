"""Key from chords: the one under which the chords that sounded, and their cadences, make sense.

For every key the time spent on each chord and the falling fifths between chords are seen from its
tonic and weighed; the weights, the same for all tonics, are fitted by multinomial logistic
regression on rendered pieces and chorales. Chords tell a minor key from its relative major where
averaged pitch classes (Krumhansl, "Cognitive foundations of musical pitch", 1990) hardly differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .chords import Chord, best_path
from .key import ALL_KEYS, NO_KEY, KeyCandidate, KeyEstimate, KeySpan
from .learnt import Table, log_softmax, seen_from_each_root, table

_CANDIDATES = 3
_LEAST_CHORD_SHARE = 0.4
"""With less of the song on any chord, there is no key."""
_LEAST_CHORDS_S = 2.0
_LEAST_CLARITY = 0.04  # speech stays below 0.03, a choir in vibrato above 0.07

_PHRASE_S, _PHRASE_CHORDS = 16.0, 8
"""How much music counts as much as a whole song does when modulations are looked for."""
_MODULATION_COST = 5.0


def estimate_key(chords: Sequence[Chord], clarity: float) -> KeyEstimate:
    """Key of a song from its chords, without gaps in time.

    ``clarity`` is the tuning's: how sharply the song's pitches keep to semitones at all.
    """
    if not has_key(chords, clarity):
        return NO_KEY
    scores = key_scores(chords)
    likeliest = np.argsort(-scores)[:_CANDIDATES]
    shares = np.exp(log_softmax(scores))
    candidates = tuple(KeyCandidate(ALL_KEYS[n], round(float(shares[n]), 3)) for n in likeliest)
    key = candidates[0].key
    spans = _spans(chords)
    if len(spans) == 1:
        spans = (KeySpan(0.0, chords[-1].end_s, key),)
    return KeyEstimate(key, _confidence(scores), candidates, spans)


def has_key(chords: Sequence[Chord], clarity: float) -> bool:
    """Whether enough of the song is chords to speak of a key."""
    total = sum(_length(chord) for chord in chords)
    sounding = sum(_length(chord) for chord in chords if chord.root is not None)
    return clarity > _LEAST_CLARITY and sounding >= max(_LEAST_CHORDS_S, _LEAST_CHORD_SHARE * total)


def key_scores(chords: Sequence[Chord]) -> Table:
    """Log odds of the 24 keys, ``[24]`` in the order of ``Key.index``."""
    turned = seen_from_each_root(key_features(chords))
    weights = table("key")
    return np.asarray((turned @ weights[:, :-1].T + weights[:, -1]).T.ravel(), np.float32)


def key_features(chords: Sequence[Chord]) -> Table:
    """``[4, 12]`` by root: shares of time on major and minor chords, of changes that are cadences.

    A cadence falls a fifth from a major chord; it is counted at the chord it reaches.
    """
    sounding = [chord for chord in chords if chord.root is not None]
    features = np.zeros((4, 12), np.float32)
    for chord in sounding:
        features[_minor(chord), chord.root] += _length(chord)
    features[:2] /= max(float(features[:2].sum()), 1e-6)
    for before, after in pairwise(sounding):
        if _cadence(before, after):
            features[2 + _minor(after), after.root] += 1 / (len(sounding) - 1)
    return features


def _spans(chords: Sequence[Chord]) -> tuple[KeySpan, ...]:
    """Keys over time: most evidence, with a price on every change of key."""
    path = best_path(_evidence(chords), _MODULATION_COST)
    changes = [0, *(int(n) for n in np.flatnonzero(np.diff(path)) + 1), len(path)]
    return tuple(
        KeySpan(chords[first].start_s, chords[last - 1].end_s, ALL_KEYS[path[first]])
        for first, last in pairwise(changes)
    )


def _evidence(chords: Sequence[Chord]) -> Table:
    """What each chord adds to the score of each key, ``[chords, 24]``."""
    weights = table("key")[:, :-1]
    previous = [None, *chords[:-1]]
    features = np.stack(
        [_seen(before, chord) for before, chord in zip(previous, chords, strict=True)]
    )
    turned = seen_from_each_root(features) @ weights.T
    return np.asarray(np.swapaxes(turned, 1, 2).reshape(len(chords), 24), np.float32)


def _seen(before: Chord | None, chord: Chord) -> Table:
    """One chord's part of ``key_features``, as if the song lasted ``_PHRASE_S``."""
    features = np.zeros((4, 12), np.float32)
    if chord.root is not None:
        features[_minor(chord), chord.root] = _length(chord) / _PHRASE_S
        if before is not None and _cadence(before, chord):
            features[2 + _minor(chord), chord.root] = 1 / _PHRASE_CHORDS
    return features


def _confidence(scores: Table) -> float:
    """Calibrated chance that the best key is right, from its lead over the second."""
    slope, offset = table("confidence")
    first, second = np.sort(scores)[::-1][:2]
    return round(float(1 / (1 + np.exp(-(slope * (first - second) + offset)))), 3)


def _minor(chord: Chord) -> int:
    return int(chord.quality in {"min", "min7"})


def _cadence(before: Chord, after: Chord) -> bool:
    if before.root is None or after.root is None or _minor(before):
        return False
    return (before.root - after.root) % 12 == 7


def _length(chord: Chord) -> float:
    return chord.end_s - chord.start_s
