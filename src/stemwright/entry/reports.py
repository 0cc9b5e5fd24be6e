"""Telling people and machines how a batch goes: a live bar, plain lines, or JSON."""

from __future__ import annotations

import io
import json
import os
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from stemwright.errors import StemwrightError

if TYPE_CHECKING:
    from stemwright.engine.separate import Progress
    from stemwright.features.separations.batch import Outcome

_PLAIN_STEPS: Final = 10


def debugging() -> bool:
    """Whether the user asked for tracebacks with ``STEMWRIGHT_DEBUG=1``."""
    return os.environ.get("STEMWRIGHT_DEBUG", "") not in {"", "0"}


def describe_error(error: BaseException) -> str:
    """One line for a person; of a defect also how to learn more."""
    if isinstance(error, StemwrightError):
        return error.message
    text = " ".join(str(error).split()) or "no message"
    return (
        f"unexpected {type(error).__name__}: {text} (a defect in stemwright; "
        "run again with STEMWRIGHT_DEBUG=1 for the traceback and please report it)"
    )


def error_code(error: BaseException) -> str:
    """The stable code of an error for machines."""
    return error.code if isinstance(error, StemwrightError) else "internal"


def write_error(error: BaseException, about: Path | None = None) -> None:
    """Put an error on stderr, with its traceback if the user wants tracebacks."""
    print(f"error: {error_line(error, about)}", file=sys.stderr, flush=True)
    if debugging():
        traceback.print_exception(error)


def error_line(error: BaseException, about: Path | None = None) -> str:
    """One line for a person that names the song, printable whatever the song is called."""
    text = describe_error(error)
    if about is not None and about.name not in text:
        text = f"{about}: {text}"
    return printable(text)


def printable(text: str) -> str:
    """Replace what a terminal must not get from a file's name: control sequences, broken text."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def clock_text(seconds: float) -> str:
    """``3:07`` or ``1:02:03``."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    if hours:
        return f"{hours}:{rest // 60:02}:{rest % 60:02}"
    return f"{rest // 60}:{rest % 60:02}"


def outcome_document(outcome: Outcome, model: str, quality: str) -> dict[str, Any]:
    """The JSON object of one song."""
    factor = outcome.realtime_factor
    return {
        "file": str(outcome.song),
        "status": outcome.status,
        "stems": {stem: str(path) for stem, path in outcome.stems.items()},
        "model": model,
        "quality": quality,
        "duration_s": None if outcome.duration_s is None else round(outcome.duration_s, 3),
        "seconds": round(outcome.seconds, 3),
        "realtime_factor": None if factor is None else round(factor, 2),
        "error": None if outcome.error is None else error_document(outcome.error),
    }


def error_document(error: BaseException) -> dict[str, str]:
    """``{"code": …, "message": …}``."""
    return {"code": error_code(error), "message": describe_error(error)}


def outcome_line(outcome: Outcome) -> str:
    """One line for a person: what became of a song and where its stems are."""
    where = _where(outcome.stems)
    if outcome.status == "skipped":
        return f"{outcome.song.name}: already done, in {where} (--force redoes it)"
    if outcome.status == "cancelled":
        return f"{outcome.song.name}: stopped, nothing written"
    length = clock_text(outcome.duration_s or 0.0)
    speed = f"{outcome.realtime_factor or 0.0:.1f} times realtime"
    return f"{outcome.song.name}: {length} in {outcome.seconds:.1f} s ({speed}), in {where}"


def _where(stems: Mapping[str, Path]) -> str:
    folders = {path.parent for path in stems.values()}
    if len(stems) > 1 and len(folders) == 1:
        return f"{folders.pop()}{os.sep}"
    return ", ".join(str(path) for path in stems.values())


class QuietReport:
    """Errors on stderr and nothing else; the base of the other reports."""

    silent = True
    """Whether progress of any kind would be unwelcome."""

    def started(self, song: Path, number: int, total: int) -> None:
        """A song's turn has come."""

    def advanced(self, progress: Progress) -> None:
        """The song in work is this far."""

    def ended(self, outcome: Outcome) -> None:
        """A song is finished."""
        if outcome.status == "failed" and outcome.error is not None:
            write_error(outcome.error, outcome.song)

    def note(self, text: str) -> None:
        """Something worth saying besides."""

    def live(self) -> AbstractContextManager[object]:
        """What must be open while songs are separated."""
        return nullcontext()


class JsonReport(QuietReport):
    """One JSON object for each song on stdout as it ends, and not a byte more there."""

    def __init__(self, model: str, quality: str) -> None:
        self._model = model
        self._quality = quality

    def ended(self, outcome: Outcome) -> None:
        """Write the song's object at once, so that a reader need not wait for the batch."""
        super().ended(outcome)
        print(json.dumps(outcome_document(outcome, self._model, self._quality)), flush=True)


class PlainReport(QuietReport):
    """Lines for logs and pipes: a song's start, every tenth of it, its end."""

    silent = False

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._name = ""
        self._said = 0
        self._started = 0.0

    def started(self, song: Path, number: int, total: int) -> None:
        """Say which song it is."""
        self._name = song.name if total == 1 else f"[{number}/{total}] {song.name}"
        self._said = 0
        self._started = time.perf_counter()
        self.note(f"{self._name}: reading")

    def advanced(self, progress: Progress) -> None:
        """Say how far it is, every tenth."""
        step = int(progress.fraction * _PLAIN_STEPS + 1e-6)
        if self._said < step < _PLAIN_STEPS:
            self._said = step
            speed = progress.seconds_done / max(time.perf_counter() - self._started, 1e-9)
            self.note(
                f"{self._name}: {progress.fraction:.0%}, {speed:.1f} times realtime, "
                f"{clock_text(progress.eta_s)} left"
            )

    def ended(self, outcome: Outcome) -> None:
        """Say where the stems are, or what went wrong."""
        super().ended(outcome)
        if outcome.status != "failed":
            self.note(outcome_line(outcome))

    def note(self, text: str) -> None:
        """Write one line."""
        print(printable(text), file=self._stream, flush=True)


def tolerate_any_name() -> None:
    """Let file names that are not UTF-8 be printed escaped instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
