"""Measure tempo, beats, key, chords, loudness and speed beside librosa on songs with known answers.

    python benchmarks/bench_analysis.py [FOLDER ...] [--seed 100] [--count 60] [--pictures]

Without FOLDER: pieces the benchmark composes and renders (fluidsynth and FluidR3), real songs and
loops of known tempo (Debian's fretsonfire-songs-sectoid and sonic-pi-samples), the signals of EBU
Tech 3341 and 3342, and speed. A FOLDER holds audio files and ``labels.csv`` (file,bpm,key).
Seeds below 100 were used in developing: figures on them say less.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from analysis_figures import ebu_rows
from corpus.render import can_render
from corpus.sets import LabelledSet, composed, from_folder, loops, real_songs
from harness.places import PEER_PYTHON, PEERS, ROOT, SCRATCH, STEMWRIGHT_PYTHON
from harness.processes import Run, measure
from harness.report import print_json, print_table

CORPUS = SCRATCH / "corpus"
PICTURES = ROOT / "docs" / "images"
OURS, OURS_WITH_STEMS = "stemwright", "stemwright, stems"
LIBROSA, LIBROSA_CQT = "librosa", "librosa, cqt key"
MEASURES = (
    "tempo 1",
    "tempo 2",
    "beat F",
    "downbeat F",
    "key exact",
    "key MIREX",
    "chords",
    "boundary F",
    "section pairs F",
)
CONFIDENCE_EDGES = (0.0, 0.25, 0.5, 0.7, 0.8, 0.9, 0.97, 1.001)
SPEED_S = 240

Answers = dict[str, dict[str, Any]]
Figures = dict[str, Any]


def main() -> None:
    options = _parse()
    figures: Figures = {}
    for songs in _sets(options):
        figures[songs.name] = _measure_set(songs, options)
    if not options.folders:
        figures["loudness"] = _loudness()
    if not options.no_speed:
        figures["speed"] = _speed(with_peers=not options.no_peers)
    if options.pictures:
        _draw()
    print_json("analysis", figures)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=100, help="of the composed pieces")
    parser.add_argument("--count", type=int, default=60, help="of the composed pieces")
    parser.add_argument("--stems", action="store_true", help="measure with true stems, too")
    parser.add_argument("--no-peers", action="store_true", help="leave librosa out")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--pictures", action="store_true", help="draw those of docs/analysis.md")
    return parser.parse_args()


def _sets(options: argparse.Namespace) -> list[LabelledSet]:
    if options.folders:
        return [from_folder(folder) for folder in options.folders]
    folder = CORPUS / f"seed{options.seed}"
    found = [real_songs(CORPUS / "songs"), loops(CORPUS / "loops")]
    if not can_render():
        print("no composed pieces: apt install fluidsynth fluid-soundfont-gm")
        return found
    return [composed(folder, options.seed, options.count, stems=options.stems), *found]


# ------------------------------------------------------------------------------------- accuracy


def _measure_set(songs: LabelledSet, options: argparse.Namespace) -> Figures:
    if not songs.songs:
        print(f"\n{songs.name}: nothing there, left out")
        return {}
    systems = {OURS: _analysed(list(songs.songs))}
    if options.stems and _has_stems(songs):
        systems[OURS_WITH_STEMS] = _analysed_with_stems(list(songs.songs))
    if not options.no_peers:
        systems |= _librosa(list(songs.songs))
    scored = _scored(songs, systems)
    means = scored["means"]
    _print_scores(f"{songs.name}: {len(songs.songs)} songs", means)
    calibration = {
        what: _calibration(songs, systems[OURS], scored["songs"], what) for what in ("tempo", "key")
    }
    _print_traits(songs, scored["songs"])
    return {"scores": means, "calibration": calibration}


def _analysed(songs: Sequence[Path]) -> Answers:
    command = [STEMWRIGHT_PYTHON, "-m", "stemwright", "analyze", "--json", "--quiet"]
    command += ["--features", "tempo,key,beats,chords,sections", *map(str, songs)]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    return {it["file"]: _plain(it) for it in json.loads(found.stdout)}


def _analysed_with_stems(songs: Sequence[Path]) -> Answers:
    found = {}
    for song in songs:
        folder = _stem_folder(song)
        command = [STEMWRIGHT_PYTHON, "-m", "stemwright", "analyze", "--json", "--quiet"]
        command += ["--stems", str(folder), "--listen-to", "stems", str(song)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[str(song)] = _plain(json.loads(output)[0])
    return found


def _has_stems(songs: LabelledSet) -> bool:
    return any(_parts(song) for song in songs.songs)


def _parts(song: Path) -> list[Path]:
    return sorted(song.parent.glob(f"{song.stem}.*.flac"))


def _stem_folder(song: Path) -> Path:
    """A folder of links named as stems are."""
    folder = song.parent / "stems" / song.stem
    folder.mkdir(parents=True, exist_ok=True)
    for part in _parts(song):
        link = folder / f"{part.stem.rpartition('.')[2]}.flac"
        if not link.is_symlink():
            link.symlink_to(part.resolve())
    return folder


def _plain(it: dict[str, Any]) -> dict[str, Any]:
    """An answer as the scorer wants it."""
    spans = {"chords": "label", "sections": "label"}
    rows = {
        what: [[row["start"], row["end"], row[name]] for row in it.get(what) or []]
        for what, name in spans.items()
    }
    return {**it, **rows}


def _librosa(songs: Sequence[Path]) -> dict[str, Answers]:
    answers = SCRATCH / "librosa.json"
    names = [str(song) for song in songs]
    subprocess.run([PEER_PYTHON, str(PEERS / "run_librosa.py"), str(answers), *names], check=True)
    found = json.loads(answers.read_text())
    return {
        LIBROSA: {song: {**it, "key": it["key_stft"]} for song, it in found.items()},
        LIBROSA_CQT: {song: {"key": it["key_cqt"]} for song, it in found.items()},
    }


def _scored(songs: LabelledSet, systems: dict[str, Answers]) -> Figures:
    task, scores = SCRATCH / "task.json", SCRATCH / "scores.json"
    items = [
        {
            "labels": labels,
            "answers": {name: answers.get(str(song), {}) for name, answers in systems.items()},
        }
        for song, labels in songs.songs.items()
    ]
    task.write_text(json.dumps(items))
    subprocess.run([PEER_PYTHON, str(PEERS / "score_analysis.py"), task, scores], check=True)
    found: Figures = json.loads(scores.read_text())
    means = found["means"]
    if LIBROSA_CQT in means:
        kept = ("key exact", "key MIREX")
        means[LIBROSA_CQT] = {
            name: means[LIBROSA_CQT][name] for name in kept if name in means[LIBROSA_CQT]
        }
    return found


def _print_scores(title: str, means: dict[str, dict[str, float]]) -> None:
    kept = [name for name in MEASURES if any(name in scores for scores in means.values())]
    rows = [
        [system, *(f"{scores[name]:.3f}" if name in scores else "-" for name in kept)]
        for system, scores in means.items()
        if scores
    ]
    print_table(title, ["", *kept], rows)


def _print_traits(songs: LabelledSet, scores: Sequence[dict[str, dict[str, float]]]) -> None:
    """Where our mistakes are."""
    labels = list(songs.songs.values())
    traits = sorted({trait for it in labels for trait in it.get("traits", [])})
    groups = {trait: [trait in it.get("traits", []) for it in labels] for trait in traits}
    groups |= {"3/4": [it.get("meter") == 3 for it in labels]}
    if not traits:
        return
    kept = MEASURES[:7]
    rows = []
    for trait, members in groups.items():
        chosen = [it[OURS] for it, member in zip(scores, members, strict=True) if member]
        means = [np.mean([it[name] for it in chosen if name in it] or [np.nan]) for name in kept]
        rows.append([trait, str(len(chosen)), *("-" if np.isnan(m) else f"{m:.3f}" for m in means)])
    print_table("stemwright, by trait", ["", "songs", *kept], rows)


def _calibration(
    songs: LabelledSet,
    answers: Answers,
    scores: Sequence[dict[str, dict[str, float]]],
    what: str,
) -> list[Figures]:
    """How often results given with some confidence are right."""
    measure_ = {"tempo": "tempo 1", "key": "key exact"}[what]
    pairs = [
        (answers[str(song)][f"{what}_confidence"], it[OURS][measure_])
        for song, it in zip(songs.songs, scores, strict=True)
        if measure_ in it[OURS] and answers.get(str(song), {}).get(what) is not None
    ]
    rows = []
    for low, high in pairwise(CONFIDENCE_EDGES):
        inside = [(stated, right) for stated, right in pairs if low <= stated < high]
        if inside:
            stated, right = np.mean(inside, axis=0)
            rows.append(
                {"songs": len(inside), "stated": round(stated, 3), "right": round(right, 3)}
            )
    cells = [[f"{it['stated']:.2f}", str(it["songs"]), f"{it['right']:.2f}"] for it in rows]
    if cells:
        print_table(f"confidence of the {what}", ["stated", "songs", "right"], cells)
    return rows


# ---------------------------------------------------------------------------- loudness and speed


def _loudness() -> list[Figures]:
    rows = ebu_rows()
    cells = [
        [row.case, row.quantity, f"{row.expected:.1f}", f"{row.found:.2f}", f"{row.error:+.2f}"]
        for row in rows
    ]
    print_table("EBU Tech 3341 and 3342", ["case", "quantity", "expected", "found", "error"], cells)
    return [{"case": row.case, "quantity": row.quantity, "error": row.error} for row in rows]


def _speed(*, with_peers: bool) -> Figures:
    """Whole processes, file to answer, on a song of four minutes."""
    from harness.songs import song_of

    song = song_of(SPEED_S)
    ours = [STEMWRIGHT_PYTHON, "-m", "stemwright", "analyze", "--json", str(song)]
    commands = {
        "stemwright, all": ours,
        "stemwright, tempo and key": [*ours, "--features", "tempo,key"],
    }
    if with_peers:
        answers = str(SCRATCH / "librosa-speed.json")
        peer = [PEER_PYTHON, str(PEERS / "run_librosa.py"), answers, str(song)]
        commands["librosa, tempo, beats, key, chords"] = peer
    runs: dict[str, list[Run]] = {
        name: [measure(command, SCRATCH / "analysis.log") for _ in range(3)]
        for name, command in commands.items()
    }
    best = {name: min(of, key=lambda run: run.seconds) for name, of in runs.items()}
    rows = [
        [name, f"{run.seconds:.2f}", f"{run.cpu_seconds:.2f}", f"{run.peak_rss_mb:.0f}"]
        for name, run in best.items()
    ]
    print_table(f"speed, {SPEED_S} s of music, best of 3", ["", "s", "CPU s", "peak MB"], rows)
    return {
        name: {"seconds": run.seconds, "cpu": run.cpu_seconds, "peak_rss_mb": run.peak_rss_mb}
        for name, run in best.items()
    }


def _draw() -> None:
    """The pictures of docs/analysis.md, from a composed piece of a seed of their own."""
    pieces = composed(CORPUS / "seed199", 199, 3)
    song, labels = next(iter(pieces.songs.items()))
    command = [STEMWRIGHT_PYTHON, "-m", "stemwright", "analyze", "--json", "--quiet", str(song)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)[0]
    task = SCRATCH / "picture.json"
    task.write_text(json.dumps({"song": str(song), "labels": labels, "found": found}))
    PICTURES.mkdir(parents=True, exist_ok=True)
    drawing = [PEER_PYTHON, str(PEERS / "draw_analysis.py"), str(task), str(PICTURES)]
    subprocess.run(drawing, check=True)


if __name__ == "__main__":
    main()
