"""Fit the tables of chords and key, and write them where the package reads them.

Usage: PYTHONPATH=src .venv-bench/bin/python benchmarks/fit_harmony.py FOLDER... [-o FILE]

FOLDERs are made by make_corpus.py (``--stems`` gives drums, which teach what is no chord) and
make_chorales.py. Fit on seeds 0 to 9 and report on others.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.optimize import minimize

from stemwright.analysis.harmony import chords, key_estimate, learnt
from stemwright.analysis.harmony.chroma import PITCH_CLASSES, Chroma
from stemwright.analysis.harmony.describe import describe_harmony
from stemwright.analysis.harmony.pitch_frames import FRAME_S, SAMPLE_RATE, PitchFrameCollector

CHORD_DECAY, KEY_DECAY = 1e-4, 1e-4
EVERY = 3  # frames overlap: every third tells as much
GUARD_S = 0.15  # around a change a frame hears both chords
FOLDS = 4

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    labels: dict[str, Any]
    chroma: Chroma


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, default=Path(learnt.__file__).parent)
    chosen = parser.parse_args()
    file = chosen.output / "learnt.json" if chosen.output.is_dir() else chosen.output
    examples = [it for folder in chosen.folders for it in read_examples(folder)]
    tables = fit_chords(examples, [it for folder in chosen.folders for it in unpitched(folder)])
    write(file, tables)
    learnt.table.cache_clear()
    tables |= fit_key(examples)
    write(file, tables)


def read_examples(folder: Path) -> Iterator[Example]:
    for path in sorted(folder.glob("*.json")):
        labels = json.loads(path.read_text())
        yield Example(labels, chroma_of(mono(folder / labels["file"])))


def unpitched(folder: Path) -> Iterator[Chroma]:
    """Noise, silence, and the drums of a third of the pieces."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 30 * SAMPLE_RATE)
    for samples in (noise, np.cumsum(noise) * 0.01, noise * 1e-3, np.zeros(10 * SAMPLE_RATE)):
        yield chroma_of(samples.astype(np.float32))
    for path in sorted(folder.glob("*.drums.flac"))[::3]:
        yield chroma_of(mono(path)[: 15 * SAMPLE_RATE])


def mono(path: Path) -> Array:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(samples.mean(axis=1), rate, SAMPLE_RATE), np.float32)


def chroma_of(samples: Array) -> Chroma:
    collector = PitchFrameCollector()
    collector.process(samples)
    return describe_harmony(collector.finish()).chroma


# ------------------------------------------------------------------------------------------ chords


def fit_chords(examples: Sequence[Example], nothing: Sequence[Chroma]) -> dict[str, Any]:
    features = [chords.chord_features(it.chroma) for it in examples]
    states = [states_of(it, len(them)) for it, them in zip(examples, features, strict=True)]
    for chroma in nothing:
        features.append(chords.chord_features(chroma))
        states.append(np.full(len(features[-1]), chords.NO_CHORD))
    every, answers = np.concatenate(features)[::EVERY], np.concatenate(states)[::EVERY]
    known = answers >= 0
    weights = fit_softmax(every[known], answers[known])
    print(f"chords: {known.sum()} frames")
    return {name: table.round(3).tolist() for name, table in weights.items()}


def states_of(example: Example, frames: int) -> NDArray[np.int64]:
    """``[frames]``: the state of each frame, -1 where nobody knows."""
    states = np.full(frames, -1)
    for start, end, label in example.labels.get("chords", []):
        inside = slice(round((start + GUARD_S) / FRAME_S), round((end - GUARD_S) / FRAME_S))
        root, _, quality = label.partition(":")
        if quality in chords.QUALITIES:
            number = chords.QUALITIES.index(quality)
            states[inside] = 12 * number + PITCH_CLASSES.index(root)
    return states


def fit_softmax(features: Array, states: NDArray[np.int64]) -> dict[str, Array]:
    """Multinomial logistic regression whose weights are the same for all roots."""
    turned = learnt.seen_from_each_root(features)
    flat = chords.flatness(features)
    frames, _, width = turned.shape
    kinds, spread = len(chords.QUALITIES), flat.shape[1]
    target = np.zeros((frames, chords.STATES), np.float32)
    target[np.arange(frames), states] = 1

    def tables(point: Array) -> dict[str, Array]:
        split = kinds * (width + 1)
        return {"chords": point[:split].reshape(kinds, width + 1), "no_chord": point[split:]}

    def loss(point: Array) -> tuple[float, Array]:
        now = tables(point.astype(np.float32))
        likely = learnt.log_softmax(chords.chord_scores(features, **now))
        error = (np.exp(likely) - target) / frames
        by_root = error[:, :-1].reshape(frames, kinds, 12)
        slope = np.einsum("fqr,frw->qw", by_root, turned, optimize=True)
        parts = np.concatenate([slope, by_root.sum(axis=(0, 2))[:, None]], axis=1).ravel()
        rest = [*(error[:, -1] @ flat), error[:, -1].sum()]
        gradient = np.concatenate([parts, rest]) + 2 * CHORD_DECAY * point
        fit = -float((likely * target).sum()) / frames
        return fit + CHORD_DECAY * float(point @ point), gradient

    start = np.zeros(kinds * (width + 1) + spread + 1)
    return tables(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 250}).x)


# --------------------------------------------------------------------------------------------- key


def fit_key(examples: Sequence[Example]) -> dict[str, Any]:
    features = np.stack([key_features(it.chroma) for it in examples])
    answers = np.array([key_index(it.labels["key"]) for it in examples])
    leads, hits = [], []
    for fold in range(FOLDS):
        held = np.arange(len(answers)) % FOLDS == fold
        scores = key_scores(features[held], fit_profile(features[~held], answers[~held]))
        ordered = np.sort(scores, axis=1)
        leads += (ordered[:, -1] - ordered[:, -2]).tolist()
        hits += (scores.argmax(axis=1) == answers[held]).tolist()
    print(f"key: {np.mean(hits):.3f} right, each piece by a fit that did not know it")
    return {
        "key": fit_profile(features, answers).round(3).tolist(),
        "confidence": fit_confidence(np.array(leads), np.array(hits)).round(3).tolist(),
    }


def key_features(chroma: Chroma) -> Array:
    path = chords.best_path(chords.chord_probabilities(chroma))
    found = chords.chords_of(path, len(path) * FRAME_S)
    return learnt.seen_from_each_root(key_estimate.key_features(found))


def key_index(name: str) -> int:
    tonic, mode = name.split()
    return PITCH_CLASSES.index(tonic) + 12 * (mode == "minor")


def key_scores(features: Array, profile: Array) -> Array:
    """``[pieces, 24]`` of ``[pieces, 12, features]``."""
    scores = features @ profile[:, :-1].T + profile[:, -1]
    return np.swapaxes(scores, 1, 2).reshape(len(features), 24)


def fit_profile(features: Array, answers: NDArray[np.int64]) -> Array:
    pieces, _, width = features.shape
    target = np.eye(24)[answers]

    def loss(point: Array) -> tuple[float, Array]:
        profile = point.reshape(2, width + 1)
        likely = learnt.log_softmax(key_scores(features, profile))
        error = ((np.exp(likely) - target) / pieces).reshape(pieces, 2, 12)
        slope = np.einsum("pmt,ptw->mw", error, features)
        decay = np.concatenate([profile[:, :-1], np.zeros((2, 1))], axis=1)
        parts = np.concatenate([slope, error.sum(axis=(0, 2))[:, None]], axis=1)
        fit = -float((likely * target).sum()) / pieces
        return fit + KEY_DECAY * float((decay**2).sum()), (parts + 2 * KEY_DECAY * decay).ravel()

    start = np.zeros(2 * (width + 1))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return np.asarray(found.x.reshape(2, width + 1))


def fit_confidence(leads: Array, hits: Array) -> Array:
    """Slope and offset of a logistic curve from lead to chance."""
    signs = 2 * hits.astype(float) - 1

    def loss(point: Array) -> float:
        odds = signs * (point[0] * leads + point[1])
        return float(np.logaddexp(0, -odds).mean() + 1e-4 * point @ point)

    return np.asarray(minimize(loss, np.array([1.0, 0.0])).x)


def write(path: Path, tables: dict[str, Any]) -> None:
    """One row a line, so that a change can be read."""
    blocks = []
    for name, table in tables.items():
        rows = table if isinstance(table[0], list) else None
        text = ",\n  ".join(map(json.dumps, rows)) if rows else json.dumps(table)
        blocks.append(f'"{name}": [\n  {text}\n ]' if rows else f'"{name}": {text}')
    path.write_text("{\n " + ",\n ".join(blocks) + "\n}\n")


if __name__ == "__main__":
    main()
