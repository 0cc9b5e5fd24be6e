"""The command line: ``stemwright COMMAND``.

Commands import what they need when they run, so that ``--help`` answers at once. Every failure
ends here: one line on stderr and an exit status from ``errors.py``, never a traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

import stemwright
from stemwright.errors import Cancelled, StemwrightError

from .analyze import HELP as ANALYZE_HELP
from .analyze import analyze
from .credits import ledger
from .denoise import HELP as DENOISE_HELP
from .denoise import denoise
from .jobs import jobs
from .keys import keys
from .midi import HELP as MIDI_HELP
from .midi import midi
from .models import models
from .reports import tolerate_any_name, write_error
from .separate import HELP, QualityChoice, separate
from .serving import serve, worker
from .users import users
from .webhooks import webhooks
from .wiring import Wiring

app = typer.Typer(
    name="stemwright",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Separate songs into stems, on your own machine.",
)
app.command(help=HELP)(separate)
app.command(help=ANALYZE_HELP)(analyze)
app.command(help=MIDI_HELP)(midi)
app.command(help=DENOISE_HELP)(denoise)
app.add_typer(models, name="models")
app.add_typer(keys, name="keys")
app.add_typer(users, name="users")
app.add_typer(ledger, name="credits")
app.command()(serve)
app.command()(worker)
app.add_typer(jobs, name="jobs")
app.add_typer(webhooks, name="webhooks")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"stemwright {stemwright.__version__}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Say the version and exit."
        ),
    ] = False,
) -> None:
    """Separate songs into stems, on your own machine."""


@app.command()
def version() -> None:
    """Say the version."""
    _print_version(wanted=True)


@app.command()
def demo(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for song and stems.")
    ] = Path("demo"),
    quality: Annotated[
        QualityChoice, typer.Option(help="How much time to spend.")
    ] = QualityChoice.balanced,
) -> None:
    """Make a song, separate it, and say how fast that went."""
    from .demo import run_demo  # noqa: PLC0415  # --help must not pay for NumPy

    wiring: Wiring = context.obj
    raise typer.Exit(run_demo(wiring, output, quality.value))


@app.command()
def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")] = False,
) -> None:
    """Check this machine and installation, with the fix for each problem."""
    from .doctor import run_doctor  # noqa: PLC0415

    wiring: Wiring = context.obj
    raise typer.Exit(run_doctor(wiring, as_json=as_json))


def main(arguments: Sequence[str] | None = None, wiring: Wiring | None = None) -> NoReturn:
    """Run a command and leave the process with its exit status."""
    wiring = wiring or Wiring()
    wiring.interruption.install()
    tolerate_any_name()
    # NumPy is not imported yet. Its matrix products here are small; threads for them cost
    # start-up and memory, and hang for good if another library forks while one is running.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    code = _run(sys.argv[1:] if arguments is None else arguments, wiring)
    _leave(code)


def _run(arguments: Sequence[str], wiring: Wiring) -> int:
    try:
        app(list(arguments), prog_name="stemwright", obj=wiring)
    except SystemExit as leaving:
        return _status(leaving.code)
    except Cancelled as error:
        write_error(error)
        return wiring.interruption.exit_code
    except StemwrightError as error:
        write_error(error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001  # the edge of the process: said, and turned into a status
        write_error(error)
        return 1
    return 0


def _status(code: str | int | None) -> int:
    return code if isinstance(code, int) else int(code is not None)


def _leave(code: int) -> NoReturn:
    """End the process, quietly if whoever read our output has gone."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter would flush again on its way out and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)
