"""One run at a job: what its handler is given to report to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol, Self

from sqlalchemy.exc import SQLAlchemyError

from stemwright.errors import Cancelled

from .job import Job
from .service import Jobs, Outcome

TICK_S: Final = 0.5
"""A wish to stop is noticed this fast."""
PROGRESS_S: Final = 0.25
"""Progress is written at once, but no two times within this."""

Warn = Callable[[str, BaseException], None]


class Handler(Protocol):
    """What a feature does with jobs of its kind."""

    def run(self, job: Job, attempt: Attempt) -> Outcome:
        """Do the work; no transaction is open, and it may run twice.

        Raises
        ------
        StemwrightError
            The job fails for this reason.
        Cancelled
            ``attempt`` said so.

        """
        ...

    def discard(self, job: Job, attempt: int) -> None:
        """Delete what an attempt stored that no longer counts; another may be at work."""
        ...

    def leave(self, job: Job) -> None:
        """Remove what the attempts at a job that has ended left anywhere, but for its result."""
        ...


class Attempt:
    """Progress goes out and the wish to stop comes in, by a thread of its own."""

    def __init__(self, jobs: Jobs, job: Job, *, warn: Warn, tick_s: float = TICK_S) -> None:
        self._jobs = jobs
        self._job = job
        self._warn = warn
        self._apart_s = min(PROGRESS_S, tick_s)
        self._tick_s = tick_s
        self._wanted: tuple[int, str | None] = (job.progress, None)
        self._written: tuple[int, str | None] = self._wanted
        self._spent: dict[str, float] = {}
        self._entered = time.monotonic()
        self._lost = threading.Event()
        self._news = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, name=f"progress {job.id}", daemon=True)

    @property
    def number(self) -> int:
        """Which run at the job this is, from 1."""
        return self._job.attempt

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._news.set()
        self._thread.join()

    def report(self, phase: str, progress: float) -> None:
        """Say what is being done and how much of the job is done, 0 to 100; never falls."""
        before, left = self._wanted
        if phase != left:
            self._leave(left)
        self._wanted = (max(before, int(progress)), phase)
        if self._wanted != (before, left):
            self._news.set()

    def seconds_by_phase(self) -> dict[str, float]:
        """How long each phase took, the last one up to now."""
        self._leave(self._wanted[1])
        return dict(self._spent)

    def cancelled(self) -> bool:
        """Whether to stop: the user asked, or another process has taken the job over."""
        return self._lost.is_set()

    def check(self) -> None:
        """Stop here if there is no reason to go on.

        Raises
        ------
        Cancelled

        """
        if self.cancelled():
            raise Cancelled(f"Job {self._job.id} was stopped.")

    def _leave(self, phase: str | None) -> None:
        now = time.monotonic()
        if phase is not None:
            self._spent[phase] = self._spent.get(phase, 0.0) + now - self._entered
        self._entered = now

    def _tick(self) -> None:
        pause_s = 0.0
        while self._due(pause_s):
            (progress, phase), before = self._wanted, self._written
            is_news = (progress, phase) != before
            try:
                if not self._jobs.report(self._job, progress, phase, is_news=is_news):
                    self._lost.set()
                    return
                self._written = progress, phase
            except SQLAlchemyError as error:
                # the work goes on: the database may be back before it ends
                self._warn("progress not written", error)
            # what was written only to find a wish to stop does not delay what comes next
            pause_s = 0.0 if before == self._written else self._apart_s

    def _due(self, pause_s: float) -> bool:
        """Wait for news, but not for ever: a wish to stop is only found by writing."""
        self._ended.wait(pause_s)
        self._news.wait(self._tick_s - pause_s)
        self._news.clear()
        return not self._ended.is_set()


Handlers = Mapping[str, Handler]
