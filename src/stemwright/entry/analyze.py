"""``stemwright analyze``: tempo, key and what else can be told of songs."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from .wiring import Wiring

HELP: Final = (
    "Tell tempo, key, beats, chords, loudness and more of songs.\n\n"
    "FEATURES are tempo, key, energy, spectral, mfcc, chroma, beats, chords, sections, loudness, "
    "or all. What cannot be found, as the tempo of noise, is reported as missing, not guessed.\n\n"
    "Exit status: 0 all told, 2 wrong usage, 3 some songs failed, 4 song not usable, "
    "130 interrupted, 143 terminated."
)


class ListenChoice(StrEnum):
    """What rhythm and harmony may be heard in."""

    mixture = "mixture"
    stems = "stems"


def analyze(
    context: typer.Context,
    songs: Annotated[
        list[Path],
        typer.Argument(metavar="SONG", help="Audio or video files, and folders of them."),
    ],
    features: Annotated[
        str, typer.Option(metavar="NAMES", help="What to tell, as in tempo,key.")
    ] = "all",
    stems: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Stems made before, in DIR or DIR/<song name>; each is described.",
        ),
    ] = None,
    listen_to: Annotated[
        ListenChoice,
        typer.Option(
            help="Where rhythm and harmony are heard first; of stems, rhythm in drums and bass, "
            "harmony in the rest."
        ),
    ] = ListenChoice.mixture,
    max_duration: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.001, help="Refuse longer songs."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json/--table", help="A JSON list, one object a song, or a table.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only errors.")] = False,
) -> None:
    """Take a command line apart; see ``HELP`` for what it does."""
    # Before NumPy is loaded: its matrix products are small here, and OpenBLAS threads that wait for
    # each other took ten times as long as one on a machine that is busy with a separation.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from .analyses import Choices, run_analysis  # noqa: PLC0415  # --help must not pay for NumPy

    wiring: Wiring = context.obj
    choices = Choices(
        features.split(","),
        stems,
        listen_to.value,
        max_duration,
        as_json=as_json,
        quiet=quiet,
    )
    raise typer.Exit(run_analysis(wiring, choices, songs))
