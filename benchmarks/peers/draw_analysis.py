"""The pictures of docs/analysis.md: ``draw_analysis.py TASK.json FOLDER``.

The task has ``song``, its true ``labels`` and what was ``found``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import soundfile

PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FROM_S, TO_S = 5.0, 15.0
LEGIBLE_S = 0.8
WAVE, TRUE, FOUND = "#9aa5b1", "#2f9e44", "#e8590c"


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(sys.argv[2])
    plt.switch_backend("svg")
    plt.rcParams["svg.fonttype"] = "none"
    plt.rcParams["svg.hashsalt"] = "stemwright"  # the same ids, and so the same file, every time
    _save(_chromagram(task["found"]), folder / "analysis-chroma.svg")
    _save(_beats(task), folder / "analysis-beats.svg")


def _save(figure: plt.Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
    # Matplotlib leaves blanks at the ends of lines.
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n")


def _chromagram(found: dict[str, Any]) -> plt.Figure:
    figure, axes = plt.subplots(figsize=(9, 3.2), layout="constrained")
    chroma = np.array(found["features"]["chroma"])
    extent = (0, found["duration_s"], -0.5, 11.5)
    axes.imshow(
        chroma, aspect="auto", origin="lower", extent=extent, cmap="magma", interpolation="none"
    )
    axes.set_yticks(range(12), PITCHES)
    for chord in found["chords"]:
        axes.axvline(chord["start"], color="white", linewidth=0.4)
        middle = (chord["start"] + chord["end"]) / 2
        if chord["end"] - chord["start"] > LEGIBLE_S:
            axes.text(middle, 11.7, chord["chord"], ha="center", fontsize=6)
    axes.set_xlabel("seconds")
    confidence = found["key_confidence"]
    axes.set_title(f"{found['key']} ({found['camelot']}), confidence {confidence:.0%}", pad=14)
    return figure


def _beats(task: dict[str, Any]) -> plt.Figure:
    figure, axes = plt.subplots(figsize=(9, 2.4), layout="constrained")
    samples, rate = soundfile.read(task["song"], always_2d=True)
    step = rate // 100
    part = samples[round(FROM_S * rate) : round(TO_S * rate)].mean(axis=1)
    peaks = np.abs(part[: len(part) // step * step]).reshape(-1, step).max(axis=1)
    seconds = FROM_S + np.arange(len(peaks)) * step / rate
    axes.fill_between(seconds, -peaks, peaks, color=WAVE, linewidth=0)
    top = 1.1 * peaks.max()
    for label, times, colour, low in (
        ("true beats", task["labels"]["beats"], TRUE, -top),
        ("found", task["found"]["beats"], FOUND, 0.0),
    ):
        inside = [time for time in times if FROM_S <= time <= TO_S]
        axes.vlines(inside, low, low + top, color=colour, linewidth=1, label=label)
    bars = [time for time in task["found"]["downbeats"] if FROM_S <= time <= TO_S]
    axes.plot(bars, [top] * len(bars), "v", color=FOUND, markersize=5, label="found downbeats")
    axes.set_xlim(FROM_S, TO_S)
    axes.set_yticks([])
    axes.set_xlabel("seconds")
    axes.set_title(f"{task['found']['tempo']:.1f} BPM found, {task['labels']['bpm']:.1f} true")
    axes.legend(loc="lower right", fontsize=7, ncols=3)
    return figure


if __name__ == "__main__":
    main()
