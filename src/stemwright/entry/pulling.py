"""Fetching a model where people can watch: its licence first, then a bar or lines."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stemwright.engine.sources import Phase, PullProgress
from stemwright.errors import LicenceNotAccepted, WeightsCorrupt

if TYPE_CHECKING:
    from stemwright.engine.acceptances import How
    from stemwright.engine.catalog import Licence, Model
    from stemwright.engine.weights import ModelStore

    from .reports import QuietReport

_PLAIN_STEP: Final = 0.25

Watch = Callable[[PullProgress], None]


def pull_model(
    store: ModelStore, model: Model, report: QuietReport, *, download: bool = True
) -> tuple[Path, str]:
    """Find or fetch a model; gives its weights and their SHA-256.

    Raises
    ------
    WeightsMissing
        It is not installed and ``download`` forbids fetching it.
    LicenceNotAccepted
        Somebody was asked and said no.
    ModelError

    """
    if download and store.installed(model) is None:
        report.note(f"{model.name} is not installed yet; fetching it once")
        fetch(store, model, quiet=report.silent)
    weights = store.require(model)
    record = store.record(model)
    if record is None:
        raise WeightsCorrupt(
            f"{weights} has no readable record beside it; run: stemwright models remove "
            f"{model.name} && stemwright models pull {model.name}"
        )
    return weights, record.sha256


def fetch(
    store: ModelStore,
    model: Model,
    *,
    quiet: bool,
    accepts: bool = False,
    asks: bool = True,
    from_path: Path | None = None,
) -> Path:
    """Install a model, or find it installed; before anything is fetched its licence is settled.

    ``accepts`` says that its terms are accepted; ``asks``, that somebody at the terminal may be
    asked. ``from_path`` is as ``ModelStore.pull`` takes it.

    Raises
    ------
    LicenceNotAccepted
        Somebody was asked and said no.
    ModelError

    """
    store.allow(model)
    if from_path is None and (found := store.installed(model)) is not None:
        return found
    settle_licence(store, model.licence, accepts=accepts, asks=asks)
    with watching(quiet=quiet) as watch:
        return store.pull(
            model, progress=watch, from_path=from_path, on_licence=lambda _settled: None
        )


def settle_licence(
    store: ModelStore, licence: Licence, *, accepts: bool = False, asks: bool = True
) -> None:
    """Show the terms and have them accepted, unless somebody said so before.

    The terms go to stderr however quiet the run: whoever fetches weights is told them. Where
    nobody sits at a terminal nobody can be asked, and going on means accepting them.
    """
    print(licence_text(licence), file=sys.stderr, flush=True)
    known = store.accepted.of(licence)
    if known is not None and known.is_said:
        return
    how: How = "option" if accepts else "unattended"
    if not accepts and asks and _is_somebody_there():
        _ask(licence)
        how = "asked"
    store.accepted.accept(licence, by=_user(), how=how)


def _is_somebody_there() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _ask(licence: Licence) -> None:
    print("Do you accept these terms? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise LicenceNotAccepted(
            f"The licence {licence.name} was not accepted, so nothing was fetched. "
            "Choose a model under another one: stemwright models list"
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container of an unnamed user
        return f"user {os.getuid()}"


def licence_text(licence: Licence) -> str:
    """The terms of a model's weights as its authors state them."""
    use = "" if licence.commercial_use else " Commercial use is not granted."
    return f"licence of these weights ({licence.name}): {licence.terms}{use} See {licence.url}"


@contextmanager
def watching(*, quiet: bool = False) -> Iterator[Watch]:
    """Show a pull on stderr: a bar on a terminal, a line for each quarter elsewhere."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar() as watch:
            yield watch
    else:
        yield _Lines()


@contextmanager
def _bar() -> Iterator[Watch]:
    # Rich's bars cost 50 ms; only terminals pay.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None)

        def watch(progress: PullProgress) -> None:
            text = _what(progress).replace("[", "\\[")
            bars.update(task, description=text, completed=progress.done, total=progress.total)

        yield watch


def _what(progress: PullProgress) -> str:
    """What is done with which of the model's files."""
    which = f", file {progress.file} of {progress.files}" if progress.files > 1 else ""
    return f"{progress.phase} {progress.source}{which}"


class _Lines:
    def __init__(self) -> None:
        self._said = ""
        self._next = _PLAIN_STEP

    def __call__(self, progress: PullProgress) -> None:
        now = _what(progress)
        if now != self._said:
            self._said, self._next = now, _PLAIN_STEP
            print(now, file=sys.stderr, flush=True)
        if progress.phase is Phase.DOWNLOADING and progress.total:
            fraction = progress.done / progress.total
            if fraction >= self._next:
                self._next = fraction - fraction % _PLAIN_STEP + _PLAIN_STEP
                size = f"{progress.done / 1e6:.0f} of {progress.total / 1e6:.0f} MB"
                print(f"  {fraction:.0%} ({size})", file=sys.stderr, flush=True)
