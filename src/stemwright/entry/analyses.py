"""What ``analyze`` does: songs found, each analysed, told as JSON or as a table."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stemwright.analysis.analyse import analyse
from stemwright.analysis.document import document
from stemwright.analysis.features import parse_features
from stemwright.analysis.results import Source
from stemwright.analysis.sound import Sound
from stemwright.errors import InputNotFound, OptionError, StemwrightError
from stemwright.features.separations.songs import find_songs, is_song_name

from .progress import SongProgress
from .reports import clock_text, error_document, printable, write_error
from .wiring import Wiring

STEMS: Final[tuple[str, ...]] = (
    "vocals",
    "drums",
    "bass",
    "other",
    "guitar",
    "piano",
    "instrumental",
)
SOME_FAILED: Final = 3

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of ``analyze`` as given."""

    features: Sequence[str]
    stems: Path | None
    listen_to: Source
    max_duration_s: float | None
    as_json: bool
    quiet: bool


def run_analysis(wiring: Wiring, choices: Choices, songs: Sequence[Path]) -> int:
    """Analyse songs and return the exit status."""
    features = parse_features(choices.features)
    found = find_songs(songs)
    if not found:
        raise InputNotFound(f"{', '.join(map(str, songs))}: no audio file found there")
    longest_s = choices.max_duration_s or wiring.settings().max_duration_s
    documents: list[Document] = []
    failures: list[StemwrightError] = []
    with wiring.interruption.polite():
        for song in found:
            if wiring.interruption.requested():
                break
            try:
                documents.append(_describe(wiring, choices, song, features, longest_s))
            except StemwrightError as error:
                if wiring.interruption.requested():
                    break
                failures.append(error)
                documents.append({"file": str(song), "error": error_document(error)})
                write_error(error, song)
    _tell(documents, choices)
    if wiring.interruption.requested():
        return wiring.interruption.exit_code
    return _exit_code(failures, len(found))


def _describe(
    wiring: Wiring,
    choices: Choices,
    song: Path,
    features: frozenset[str],
    longest_s: float | None,
) -> Document:
    started = time.perf_counter()
    with SongProgress(song, silent=choices.quiet) as progress:
        analysis = analyse(
            Sound.of_file(song, max_duration_s=longest_s),
            features,
            stems=_stems_of(song, choices.stems),
            listen_to=choices.listen_to,
            progress=progress.at,
            cancelled=wiring.interruption.requested,
        )
        found = document(analysis)
    seconds = round(time.perf_counter() - started, 3)
    return {"file": str(song), **found, "seconds": seconds, "error": None}


def _stems_of(song: Path, folder: Path | None) -> dict[str, Sound] | None:
    """Stems under their usual names, in the folder or in one of the song's name below it."""
    if folder is None:
        return None
    for place in (folder / song.stem, folder):
        files = sorted(place.glob("*.*")) if place.is_dir() else []
        named = {file.stem: file for file in files if is_song_name(file.name)}
        stems = {name: Sound.of_file(named[name]) for name in STEMS if name in named}
        if stems:
            return stems
    names = ", ".join(STEMS[:4])
    raise OptionError(
        f"{folder}: no stems of {song.name} there; they are files called {names}, …, "
        f"in that folder or in {song.stem} below it"
    )


def _exit_code(failures: Sequence[StemwrightError], songs: int) -> int:
    if not failures:
        return 0
    return SOME_FAILED if len(failures) < songs else failures[0].exit_code


def _tell(documents: Sequence[Document], choices: Choices) -> None:
    if choices.as_json:
        print(json.dumps(documents, indent=2, ensure_ascii=False), flush=True)
        return
    told = [it for it in documents if it.get("error") is None]
    if told:
        print("\n".join(_table(told)), flush=True)


# ----------------------------------------------------------------------------------------- table

_COLUMNS: Final = (
    *("song", "length", "BPM", "meter", "key", "Camelot"),
    *("LUFS", "LU", "dBTP", "energy", "centroid Hz", "sections"),
)


def _table(documents: Sequence[Document]) -> list[str]:
    """One row a song, then what is to be remarked."""
    rows = [_row(it) for it in documents]
    kept = [n for n in range(len(_COLUMNS)) if any(row[n] for row in rows)]
    cells = [[line[n] for n in kept] for line in [_COLUMNS, *rows]]
    widths = [max(len(line[n]) for line in cells) for n in range(len(kept))]
    lines = [_line(line, widths) for line in cells]
    lines += [
        f"{Path(it['file']).name}: {printable(remark)}"
        for it in documents
        for remark in it["remarks"]
    ]
    return lines


def _row(it: Document) -> list[str]:
    loudness = it.get("loudness") or {}
    key = it.get("key")
    return [
        printable(Path(it["file"]).name),
        clock_text(it["duration_s"]),
        _sure(_number(it.get("tempo")), it.get("tempo_confidence")),
        f"{it['meter']}/4" if it.get("meter") else "",
        _sure(key or "", it.get("key_confidence")),
        it.get("camelot") or "",
        _number(loudness.get("integrated_lufs")),
        _number(loudness.get("range_lu")),
        _number(loudness.get("true_peak_dbtp")),
        "" if it.get("energy") is None else f"{it['energy']:.3f}",
        "" if it.get("spectral_centroid") is None else f"{it['spectral_centroid']:.0f}",
        "".join(section["label"] for section in it.get("sections") or []),
    ]


def _sure(value: str, confidence: float | None) -> str:
    """A finding with how likely it is right, in percent."""
    if not value:
        return "" if confidence is None else "none"
    return f"{value} ({confidence:.0%})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if n == 0 else cell.rjust(width)
        for n, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *rest]).rstrip()
