"""``stemwright separate``: songs in, stems out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from .wiring import Wiring

HELP: Final = (
    "Separate songs into stems.\n\n"
    "Stems land in DIR/<song name>/<stem>.<ext>. What is done already is skipped; what is "
    "interrupted leaves no half-written file.\n\n"
    "Exit status: 0 all done or skipped, 2 wrong usage, 3 some songs failed, 4 song not usable, "
    "5 model, 6 runtime, 7 output, 130 interrupted, 143 terminated."
)
_EXPERT: Final = "For experts"
_OUTPUT: Final = "Output"


class QualityChoice(StrEnum):
    """The tiers of ``engine/catalog.py``, repeated here because ``--help`` does not import it."""

    fast = "fast"
    balanced = "balanced"
    best = "best"


class FormatChoice(StrEnum):
    """What stems can be written as."""

    wav = "wav"
    flac = "flac"
    mp3 = "mp3"


class BitDepthChoice(StrEnum):
    """Sample formats; ``32f`` is float."""

    b16 = "16"
    b24 = "24"
    f32 = "32f"


class BitrateChoice(StrEnum):
    """Constant bit rates of MP3 in kbit/s."""

    k320 = "320"
    k192 = "192"
    k128 = "128"


class RuntimeChoice(StrEnum):
    """What executes the network."""

    auto = "auto"
    openvino = "openvino"
    onnx = "onnx"
    torch = "torch"


class PrecisionChoice(StrEnum):
    """Arithmetic of the network; ``auto`` is what the quality tier says."""

    auto = "auto"
    bf16 = "bf16"
    f32 = "f32"


def separate(
    context: typer.Context,
    songs: Annotated[
        list[Path],
        typer.Argument(metavar="SONG", help="Audio or video files, and folders of them."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder the stems go to.")
    ] = Path("stems"),
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Model; see 'stemwright models list'.")
    ] = None,
    stems: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES|2|4|6",
            help="Stems to write, as in vocals,instrumental; 2 is just that; default all.",
        ),
    ] = None,
    quality: Annotated[
        QualityChoice, typer.Option(help="How much time to spend.")
    ] = QualityChoice.balanced,
    max_duration: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.0, help="Refuse songs longer than this."),
    ] = None,
    file_format: Annotated[
        FormatChoice, typer.Option("--format", help="File format.", rich_help_panel=_OUTPUT)
    ] = FormatChoice.wav,
    bit_depth: Annotated[
        BitDepthChoice | None,
        typer.Option(help="Of wav and flac; default the song's own.", rich_help_panel=_OUTPUT),
    ] = None,
    bitrate: Annotated[
        BitrateChoice | None,
        typer.Option(help="Of mp3 in kbit/s; default 320.", rich_help_panel=_OUTPUT),
    ] = None,
    exact_sum: Annotated[
        bool,
        typer.Option(
            "--exact-sum",
            help="Make all stems add up to the song sample for sample.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    name: Annotated[
        str,
        typer.Option(
            metavar="TEMPLATE",
            help="Names below DIR from {song} {stem} {ext} {model} {quality} {artist} {title}.",
            rich_help_panel=_OUTPUT,
        ),
    ] = "{song}/{stem}.{ext}",
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Redo what is done, replace foreign files.", rich_help_panel=_OUTPUT
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="One JSON object per song on stdout.", rich_help_panel=_OUTPUT),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say only errors.", rich_help_panel=_OUTPUT)
    ] = False,
    no_download: Annotated[
        bool,
        typer.Option(
            "--no-download", help="Fail if the model is not installed.", rich_help_panel=_EXPERT
        ),
    ] = False,
    shifts: Annotated[
        int | None,
        typer.Option(min=0, max=64, help="Random time shifts to average.", rich_help_panel=_EXPERT),
    ] = None,
    overlap: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=0.99, help="Overlap of segments, 0 to 0.99.", rich_help_panel=_EXPERT
        ),
    ] = None,
    segment: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0.0,
            help="Shorter segments than the model's own.",
            rich_help_panel=_EXPERT,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Of the random shifts.", rich_help_panel=_EXPERT)
    ] = 0,
    runtime: Annotated[
        RuntimeChoice | None,
        typer.Option(help="What executes the network.", rich_help_panel=_EXPERT),
    ] = None,
    precision: Annotated[
        PrecisionChoice,
        typer.Option(help="Arithmetic of the network.", rich_help_panel=_EXPERT),
    ] = PrecisionChoice.auto,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Default: one per core.", rich_help_panel=_EXPERT),
    ] = None,
) -> None:
    """Take a command line apart; see ``HELP`` for what it does."""
    from .run import Choices, run_separation  # noqa: PLC0415  # --help must not pay for NumPy

    choices = Choices(
        folder=output,
        model=model,
        quality=quality.value,
        stems=stems,
        format=file_format.value,
        bit_depth=None if bit_depth is None else bit_depth.value,
        bitrate_kbps=None if bitrate is None else int(bitrate.value),
        template=name,
        exact_sum=exact_sum,
        force=force,
        max_duration_s=max_duration,
        shifts=shifts,
        overlap=overlap,
        segment_s=segment,
        seed=seed,
        runtime=None if runtime is None else runtime.value,
        precision=precision.value,
        threads=threads,
        download=not no_download,
    )
    wiring: Wiring = context.obj
    raise typer.Exit(run_separation(wiring, choices, songs, as_json=as_json, quiet=quiet))
