"""``stemwright midi``: the notes of stems as a MIDI file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from .wiring import Wiring

HELP: Final = (
    "Write the notes of stems to a MIDI file, one track a stem.\n\n"
    "Bars follow the beats of --song, or of the stems themselves; without a beat they stand at "
    "120 BPM. The network that hears the notes (0.2 MB) is fetched once.\n\n"
    "Exit status: 0 written, 2 wrong usage, 4 stem not usable, 5 model, 6 runtime, 7 output, "
    "130 interrupted, 143 terminated."
)


def midi(
    context: typer.Context,
    stems: Annotated[
        list[Path],
        typer.Argument(metavar="STEM", help="Audio files: bass, vocals, other, …"),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="By default STEM with .mid."),
    ] = None,
    song: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What the stems came from: tempo, meter and key."),
    ] = None,
    no_download: Annotated[
        bool, typer.Option("--no-download", help="Fail if the network is not installed.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only errors.")] = False,
) -> None:
    """Take a command line apart; see ``HELP`` for what it does."""
    from .transcription import Order, run_midi  # noqa: PLC0415  # --help must not pay for NumPy

    wiring: Wiring = context.obj
    order = Order(stems, output or stems[0].with_suffix(".mid"), song)
    raise typer.Exit(run_midi(wiring, order, download=not no_download, quiet=quiet))
