"""Tempo, beats, key and chords of songs as librosa's users get them: defaults and textbook recipes.

    run_librosa.py ANSWERS.json SONG...

``beat_track`` for tempo and beats; Krumhansl's profiles on the mean of ``chroma_stft`` and of
``chroma_cqt`` for the key; 24 binary templates on ``chroma_cqt``, smoothed by a median over one
second, for chords. librosa has no downbeats.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import librosa
import numpy as np
from scipy.ndimage import median_filter

PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
# C. Krumhansl, Cognitive Foundations of Musical Pitch (1990), table 2.1
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


def main() -> None:
    answers = {song: _describe(Path(song)) for song in sys.argv[2:]}
    Path(sys.argv[1]).write_text(json.dumps(answers))


def _describe(song: Path) -> dict[str, Any]:
    started = time.perf_counter()
    samples, rate = librosa.load(song)
    tempo, beats = librosa.beat.beat_track(y=samples, sr=rate, units="time")
    stft = librosa.feature.chroma_stft(y=samples, sr=rate)
    cqt = librosa.feature.chroma_cqt(y=samples, sr=rate)
    return {
        "tempo": float(np.atleast_1d(tempo)[0]),
        "beats": beats.tolist(),
        "key_stft": _key(stft.mean(axis=1)),
        "key_cqt": _key(cqt.mean(axis=1)),
        "chords": _chords(cqt, librosa.times_like(cqt, sr=rate), len(samples) / rate),
        "seconds": time.perf_counter() - started,
    }


def _key(profile: np.ndarray) -> str:
    scores = {
        f"{PITCHES[tonic]} {mode}": np.corrcoef(np.roll(weights, tonic), profile)[0, 1]
        for mode, weights in (("major", MAJOR), ("minor", MINOR))
        for tonic in range(12)
    }
    return max(scores, key=scores.__getitem__)


def _chords(chroma: np.ndarray, times: np.ndarray, end_s: float) -> list[list[Any]]:
    templates, names = [], []
    for quality, steps in (("maj", (0, 4, 7)), ("min", (0, 3, 7))):
        for root in range(12):
            template = np.zeros(12)
            template[[(root + step) % 12 for step in steps]] = 1
            templates.append(template)
            names.append(f"{PITCHES[root]}:{quality}")
    smooth = median_filter(chroma, size=(1, 43))
    best = np.argmax(np.array(templates) @ smooth, axis=0)
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    edges = [*times[starts].tolist(), end_s]
    labels = [names[best[start]] for start in starts]
    return [[a, b, label] for a, b, label in zip(edges[:-1], edges[1:], labels, strict=True)]


if __name__ == "__main__":
    main()
