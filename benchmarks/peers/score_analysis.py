"""Score answers against labels with mir_eval: ``score_analysis.py TASK.json SCORES.json``.

The task is a list of ``{"labels": …, "answers": {system: …}}``; an answer has what a system found
of tempo, beats, downbeats, key, chords [[start, end, label]] and sections.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import mir_eval
import numpy as np

WITHIN = 0.04
MULTIPLES = (1, 2, 3, 1 / 2, 1 / 3)

Scores = dict[str, float]


def main() -> None:
    warnings.simplefilter("ignore")
    task = json.loads(Path(sys.argv[1]).read_text())
    found = [
        {name: score(item["labels"], answer) for name, answer in item["answers"].items()}
        for item in task
    ]
    Path(sys.argv[2]).write_text(json.dumps({"songs": found, "means": means(found)}))


def means(songs: list[dict[str, Scores]]) -> dict[str, Scores]:
    gathered: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for song in songs:
        for system, scores in song.items():
            for measure, value in scores.items():
                gathered[system][measure].append(value)
    return {
        system: {measure: float(np.mean(values)) for measure, values in measures.items()}
        for system, measures in gathered.items()
    }


def score(labels: dict[str, Any], answer: dict[str, Any]) -> Scores:
    scores: Scores = {}
    if "bpm" in labels and labels.get("steady", True):
        scores |= tempo_scores(labels["bpm"], answer.get("tempo"))
    if "beats" in labels:
        scores["beat F"] = beat_f(labels["beats"], answer.get("beats"))
        if "downbeats" in answer:
            scores["downbeat F"] = beat_f(labels["downbeats"], answer.get("downbeats"))
    if "key" in labels:
        scores |= key_scores(labels["key"], answer.get("key"))
    if "chords" in labels and "chords" in answer:
        scores["chords"] = chord_overlap(labels["chords"], answer["chords"])
    if len(labels.get("sections", [])) > 1 and answer.get("sections"):
        scores |= section_scores(labels["sections"], answer["sections"])
    return scores


def tempo_scores(true: float, found: float | None) -> Scores:
    """Gouyon et al., "An experimental comparison of audio tempo induction algorithms", 2006."""
    near = [found is not None and abs(found / (true * m) - 1) <= WITHIN for m in MULTIPLES]
    return {"tempo 1": float(near[0]), "tempo 2": float(any(near))}


def beat_f(true: list[float], found: list[float] | None) -> float:
    """F-measure within 70 ms; mir_eval leaves out the first five seconds."""
    trimmed = [mir_eval.beat.trim_beats(np.array(times or [])) for times in (true, found)]
    return float(mir_eval.beat.f_measure(*trimmed))


def key_scores(true: str, found: str | None) -> Scores:
    weighted = mir_eval.key.weighted_score(true.lower(), found.lower()) if found else 0.0
    return {"key exact": float(found == true), "key MIREX": float(weighted)}


def chord_overlap(true: list[list[Any]], found: list[list[Any]]) -> float:
    """Share of the time in which major or minor and the root agree."""
    intervals, labels = _spans(true)
    other, others = _spans(found)
    other, others = mir_eval.util.adjust_intervals(
        other, others, intervals.min(), intervals.max(), "N", "N"
    )
    merged, ours, theirs = mir_eval.util.merge_labeled_intervals(intervals, labels, other, others)
    agreed = mir_eval.chord.majmin(ours, theirs)
    return float(
        mir_eval.chord.weighted_accuracy(agreed, mir_eval.util.intervals_to_durations(merged))
    )


def section_scores(true: list[list[Any]], found: list[list[Any]]) -> Scores:
    end = found[-1][1]
    true = [[0.0, true[0][1], true[0][2]], *true[1:-1], [true[-1][0], end, true[-1][2]]]
    merged: list[list[Any]] = []
    for start, stop, label in found:
        if merged and merged[-1][2] == label:
            merged[-1][1] = stop
        else:
            merged.append([start, stop, label])
    (intervals, labels), (other, others) = _spans(true), _spans(merged)
    boundaries = mir_eval.segment.detection(intervals, other, window=3.0, trim=True)[2]
    pairs = mir_eval.segment.pairwise(intervals, labels, other, others)[2]
    return {"boundary F": float(boundaries), "section pairs F": float(pairs)}


def _spans(rows: list[list[Any]]) -> tuple[np.ndarray, list[str]]:
    return np.array([row[:2] for row in rows], float), [row[2] for row in rows]


if __name__ == "__main__":
    main()
