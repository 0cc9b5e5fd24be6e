"""A live progress display for terminals, on stderr."""

from __future__ import annotations

import time
import traceback
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from .reports import QuietReport, clock_text, debugging, error_line, outcome_line, printable

if TYPE_CHECKING:
    from stemwright.engine.separate import Progress
    from stemwright.features.separations.batch import Outcome

_MARKS = {"done": "[green]✓[/]", "skipped": "[cyan]=[/]", "cancelled": "[yellow]■[/]"}


class LiveReport(QuietReport):
    """A bar for the song in work and, when there are many, one for all of them."""

    silent = False

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[detail]}", style="dim"),
            console=self._console,
            transient=True,
        )
        self._all: TaskID | None = None
        self._song: TaskID | None = None
        self._before = 0
        self._batch_started = time.perf_counter()
        self._song_started = self._batch_started

    def live(self) -> AbstractContextManager[object]:
        """The display; leaving it restores the cursor whatever happened."""
        return self._bars

    def started(self, song: Path, number: int, total: int) -> None:
        """Open a bar for the song."""
        self._before, self._song_started = number - 1, time.perf_counter()
        if total > 1 and self._all is None:
            self._all = self._bars.add_task("all songs", total=total, detail="")
        self._song = self._bars.add_task(_short(song.name), total=1.0, detail="reading")

    def advanced(self, progress: Progress) -> None:
        """Move both bars."""
        if self._song is not None:
            elapsed = max(time.perf_counter() - self._song_started, 1e-9)
            speed = progress.seconds_done / elapsed
            detail = f"{speed:.1f} x realtime, {clock_text(progress.eta_s)} left"
            self._bars.update(self._song, completed=progress.fraction, detail=detail)
        self._advance_all(self._before + progress.fraction)

    def _advance_all(self, songs: float) -> None:
        if self._all is None:
            return
        total = self._bars.tasks[self._all].total or songs
        elapsed = time.perf_counter() - self._batch_started
        left = clock_text(elapsed / songs * (total - songs)) if songs else "?"
        self._bars.update(
            self._all, completed=songs, detail=f"{int(songs)} of {total:.0f} songs, {left} left"
        )

    def ended(self, outcome: Outcome) -> None:
        """Replace the song's bar by a line that stays."""
        if self._song is not None:
            self._bars.remove_task(self._song)
            self._song = None
        self._advance_all(self._before + 1)
        if outcome.status == "failed" and outcome.error is not None:
            self._say(f"[red]✗[/] {escape(error_line(outcome.error, outcome.song))}")
            if debugging():
                self._console.print(
                    "".join(traceback.format_exception(outcome.error)), markup=False
                )
        else:
            self._say(f"{_MARKS[outcome.status]} {escape(printable(outcome_line(outcome)))}")

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        self._say(escape(printable(text)))

    def _say(self, markup: str) -> None:
        self._console.print(markup, highlight=False, soft_wrap=True)


def _short(name: str, width: int = 32) -> str:
    plain = printable(name)
    return escape(plain if len(plain) <= width else f"{plain[: width - 1]}…")
