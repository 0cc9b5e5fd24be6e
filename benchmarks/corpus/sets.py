"""Labelled songs to measure with: composed ones, real songs and loops of known tempo, a folder."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from .compose import compose_set
from .render import find_font, write_piece

_SONGS = Path("/usr/share/games/fretsonfire/data/songs/sectoid")
_LOOPS = Path("/usr/share/sonic-pi/samples")
_LOOPED_S = 24.0
# Beats in a loop. The length of a loop says its tempo but for factors of two; which of these
# a listener would tap is ours to say.
_LOOP_BEATS = {
    "loop_3d_printer": 16,
    "loop_amen": 4,
    "loop_amen_full": 16,
    "loop_breakbeat": 4,
    "loop_compus": 16,
    "loop_electric": 4,
    "loop_garzul": 16,
    "loop_industrial": 2,
    "loop_mehackit1": 4,
    "loop_mehackit2": 4,
    "loop_mika": 16,
    "loop_perc1": 4,
    "loop_perc2": 4,
    "loop_safari": 16,
    "loop_tabla": 16,
    "loop_weirdo": 8,
}
_TEMPO_EVENT = b"\xff\x51\x03"

Labels = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Songs and what is true of them."""

    name: str
    songs: dict[Path, Labels]


def composed(folder: Path, seed: int, count: int, *, stems: bool = False) -> LabelledSet:
    """Compose and render what is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = compose_set(seed, count)
    for piece in pieces:
        labels = folder / f"{piece.name}.json"
        if not labels.exists():
            write_piece(piece, folder, find_font(), stems=stems)
            labels.write_text(json.dumps(piece.labels(), indent=1))
    answers = [piece.labels() for piece in pieces]
    return LabelledSet(f"composed, seed {seed}", {folder / it["file"]: it for it in answers})


def real_songs(folder: Path) -> LabelledSet:
    """Debian's fretsonfire-songs-sectoid: backing and guitar added, tempo from their MIDI files."""
    songs = {}
    for notes in sorted(_SONGS.glob("*/notes.mid")):
        target = folder / f"{notes.parent.name}.flac"
        if not target.exists():
            _write_sum(target, [notes.parent / "song.ogg", notes.parent / "guitar.ogg"])
        songs[target] = {"bpm": _midi_tempo(notes), "steady": True}
    return LabelledSet("real songs", songs)


def loops(folder: Path) -> LabelledSet:
    """Debian's sonic-pi-samples, each loop repeated for half a minute."""
    songs = {}
    for name, beats in _LOOP_BEATS.items():
        source, target = _LOOPS / f"{name}.flac", folder / f"{name}.flac"
        if source.exists():
            samples, rate = soundfile.read(source, always_2d=True)
            if not target.exists():
                _write(
                    target, np.tile(samples, (-(-round(_LOOPED_S * rate) // len(samples)), 1)), rate
                )
            songs[target] = {"bpm": 60 * beats * rate / len(samples), "steady": True}
    return LabelledSet("loops", songs)


def from_folder(folder: Path) -> LabelledSet:
    """A set of the user's: audio files and ``labels.csv`` with the columns file, bpm, key.

    A ``name.json`` beside a song, as `make_corpus` writes it, adds what else is known.
    """
    songs = {}
    with (folder / "labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            path = folder / row["file"]
            labels: Labels = {"steady": True}
            if row.get("bpm"):
                labels["bpm"] = float(row["bpm"])
            if row.get("key"):
                labels["key"] = row["key"]
            more = path.with_suffix(".json")
            songs[path] = {**labels, **(json.loads(more.read_text()) if more.exists() else {})}
    return LabelledSet(folder.name, songs)


def _midi_tempo(path: Path) -> float:
    """The first tempo of a MIDI file; these songs keep theirs."""
    content = path.read_bytes()
    at = content.index(_TEMPO_EVENT) + len(_TEMPO_EVENT)
    return 60e6 / int.from_bytes(content[at : at + 3], "big")


def _write_sum(target: Path, sources: list[Path]) -> None:
    parts = [soundfile.read(source, always_2d=True) for source in sources if source.exists()]
    rate = parts[0][1]
    total = np.zeros((max(len(samples) for samples, _ in parts), 2))
    for samples, _ in parts:
        total[: len(samples)] += samples
    _write(target, total / max(np.abs(total).max(), 1.0), rate)


def _write(target: Path, samples: NDArray[np.float64], rate: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(target, samples, rate, subtype="PCM_16")
