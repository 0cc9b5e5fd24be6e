"""A task queue in memory with the promises of the real one, and a clock that a test moves."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import event
from sqlalchemy.orm import Session


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = datetime(2030, 2, 1, 9, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(order=True)
class Waiting:
    """A task that was enqueued and committed."""

    due: datetime
    number: int
    task: str = field(compare=False)
    args: tuple[str | int, ...] = field(compare=False)


class FakeTaskQueue:
    """Keeps tasks whose transaction was committed; a test runs them when they are due."""

    def __init__(self, clock: FakeClock) -> None:
        self.tasks: Mapping[str, Callable[..., None]] = {}
        self.waiting: list[Waiting] = []
        self._clock = clock
        self._known: set[str] = set()
        self._numbers = itertools.count()

    def enqueue(
        self,
        session: Session,
        task: str,
        args: tuple[str | int, ...],
        *,
        queue: str,
        workflow_id: str,
        priority: int = 1,
        delay_s: float = 0,
    ) -> None:
        due = self._clock() + timedelta(seconds=delay_s)
        waiting = Waiting(due, next(self._numbers), task, args)

        def committed(_session: Session) -> None:
            if workflow_id not in self._known:
                self._known.add(workflow_id)
                heapq.heappush(self.waiting, waiting)

        # a session of a transaction that is rolled back is not used again
        event.listen(session, "after_commit", committed, once=True)

    def take_due(self, task: str) -> list[Waiting]:
        """Take out the tasks of one name that may start now, in their order."""
        due = sorted(w for w in self.waiting if w.task == task and w.due <= self._clock())
        self.waiting = [waiting for waiting in self.waiting if waiting not in due]
        return due

    def run_due(self, task: str) -> int:
        """Run what may start now, also what that enqueues for now; how many ran."""
        ran = 0
        while due := self.take_due(task):
            for waiting in due:
                self.tasks[task](*waiting.args)
            ran += len(due)
        return ran

    def run_next(self, task: str) -> float | None:
        """Move the clock to the next task and run it; the seconds that took, or none."""
        waiting = min((w for w in self.waiting if w.task == task), default=None)
        if waiting is None:
            return None
        passed_s = max((waiting.due - self._clock()).total_seconds(), 0.0)
        self._clock.pass_s(passed_s)
        self.waiting.remove(waiting)
        self.tasks[task](*waiting.args)
        return passed_s
