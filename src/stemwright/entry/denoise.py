"""``stemwright denoise``: recordings of speech without their noise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from .separate import FormatChoice
from .wiring import Wiring

HELP: Final = (
    "Take the noise out of recordings of speech.\n\n"
    "Writes NAME_denoised.EXT beside each recording, with its length, rate, channels and tags. "
    "What is not speech counts as noise: music goes, too. The network (8 MB) is fetched once.\n\n"
    "Exit status: 0 all done, 2 wrong usage, 3 some recordings failed, 4 recording not usable, "
    "5 model, 6 runtime, 7 output, 130 interrupted, 143 terminated."
)


def denoise(
    context: typer.Context,
    recordings: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="Audio or video files, and folders of them."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="By default beside each recording."),
    ] = None,
    file_format: Annotated[
        FormatChoice, typer.Option("--format", help="File format.")
    ] = FormatChoice.wav,
    strength: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="How much of the noise to take out; 1 is all."),
    ] = 1.0,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    no_download: Annotated[
        bool, typer.Option("--no-download", help="Fail if the network is not installed.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only errors.")] = False,
) -> None:
    """Take a command line apart; see ``HELP`` for what it does."""
    from .denoising import Choices, run_denoising  # noqa: PLC0415  # --help must not pay for NumPy

    wiring: Wiring = context.obj
    choices = Choices(
        output, file_format.value, strength, force=force, download=not no_download, quiet=quiet
    )
    raise typer.Exit(run_denoising(wiring, choices, recordings))
