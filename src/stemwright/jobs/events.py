"""Tells whoever watches a job what became of it, wherever that happened.

A change reaches a watcher by way of the row: a hint says that it may have changed, the row is
read, and if it says something new, that is told. So a watcher never hears of what was not
committed, of an older state after a newer one, or of nothing because a hint was lost.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from stemwright.db.announcements import WriteCounter
from stemwright.db.database import Database
from stemwright.kit import logs

from . import repository
from .job import ENDED, Job
from .service import job_of

A_SECOND: Final = 4
"""Events of one job to one watcher; its end is told at once."""
_LOOK_S: Final = 0.025
"""How often SQLite is asked whether there was a write, while somebody watches."""
_SAFETY_S: Final = 5.0
"""How often rows are read that nothing was heard of: a pooler in between may swallow hints."""
_AFTER_FAILURE_S: Final = 1.0
_READ_AT_ONCE: Final = 500
_IDLE_SHARE: Final = 4
"""Looking takes a fifth of one processor at most, unless rests were too long then."""
_LONGEST_REST_S: Final = 0.1

log = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A job as it was committed."""

    job: Job

    @property
    def marker(self) -> str:
        """Names the state in one short word, the same on every host."""
        job = self.job
        return f"{job.attempt}.{job.status}.{job.progress}.{job.phase or ''}"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens, unless somebody has the job run again."""
        return self.job.status in ENDED


Deliver = Callable[[JobEvent], None]
"""Called in the thread that reads; must neither block nor raise."""


@dataclass(eq=False, slots=True)
class _Watch:
    """One who watches, and what was told last."""

    deliver: Deliver
    marker: str = ""
    times: deque[float] = field(default_factory=lambda: deque(maxlen=A_SECOND))
    over: bool = False

    def wants(self, event: JobEvent) -> bool:
        if self.over and event.job.status == "expired":
            return False  # the end was told
        return event.marker != self.marker

    def due_at(self, event: JobEvent) -> float:
        return 0.0 if event.ended or len(self.times) < A_SECOND else self.times[0] + 1.0

    def tell(self, event: JobEvent, now: float) -> None:
        self.marker, self.over = event.marker, event.ended
        self.times.append(now)
        try:
            self.deliver(event)
        except Exception:
            # one who cannot be told is no reason not to tell the others
            log.exception("a job event was not taken", job_id=event.job.id)


@dataclass(eq=False, slots=True)
class _Watched:
    """Who watches one job, and what is to be told a little later."""

    watches: list[_Watch] = field(default_factory=list)
    held: JobEvent | None = None
    due_at: float = math.inf

    def offer(self, event: JobEvent) -> None:
        """Tell whom it is time to tell and keep the event for the others."""
        now, later = time.monotonic(), math.inf
        for watch in [it for it in self.watches if it.wants(event)]:
            due_at = watch.due_at(event)
            if due_at <= now:
                watch.tell(event, now)
            else:
                later = min(later, due_at)
        self.held, self.due_at = (event if later < math.inf else None), later


class JobEvents:
    """The watched jobs of one process, and the one thread that reads their rows.

    It sleeps while nobody watches. On PostgreSQL a ``Listener`` calls ``hint``.
    """

    def __init__(
        self,
        database: Database,
        *,
        look_s: float = _LOOK_S,
        safety_s: float = _SAFETY_S,
    ) -> None:
        self._database = database
        self._pause_s = look_s if database.is_sqlite else safety_s
        self._changed = threading.Condition()
        self._watched: dict[str, _Watched] = {}
        self._stale: set[str] = set()
        self._counter: WriteCounter | None = None
        self._read_all_at = 0.0
        self._closed = False
        self._thread: threading.Thread | None = None

    def watch(self, job_id: str, deliver: Deliver) -> Callable[[], None]:
        """Tell the job's state now and whenever it changes, until the returned is called.

        Nothing is told of a job that does not exist.
        """
        watch = _Watch(deliver)
        with self._changed:
            self._watched.setdefault(job_id, _Watched()).watches.append(watch)
            self._stale.add(job_id)
            self._start()
            self._changed.notify()
        return lambda: self._leave(job_id, watch)

    def hint(self, names: Collection[str] | None) -> None:
        """Say which rows may have changed, as they were announced; ``None`` for any."""
        with self._changed:
            changed = self._watched.keys() if names is None else _ids(names)
            self._stale |= self._watched.keys() & changed
            if self._stale:
                self._changed.notify()

    def close(self) -> None:
        """Tell nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name="job events", daemon=True)
            self._thread.start()

    def _leave(self, job_id: str, watch: _Watch) -> None:
        with self._changed:
            watched = self._watched.get(job_id)
            if watched is None or watch not in watched.watches:
                return
            watched.watches.remove(watch)
            if not watched.watches:
                del self._watched[job_id]

    # -------------------------------------------------------------------------------- the thread

    def _run(self) -> None:
        cost_s = 0.0
        while self._wait(cost_s):
            began = time.thread_time()
            try:
                self._round()
            except SQLAlchemyError as error:
                log.warning("job events delayed", error=type(error).__name__)
                self._try_again_later()
            except Exception:
                # the edge of this thread: without it nobody would hear of any job
                log.exception("job events met a defect")
                self._try_again_later()
            cost_s = time.thread_time() - began
        if self._counter is not None:
            self._counter.close()

    def _wait(self, cost_s: float) -> bool:
        """Sleep until there may be something to do; false at the end."""
        with self._changed:
            while not self._closed and not self._watched:
                self._changed.wait()
            if not self._closed and not self._stale:
                due_at = min(watched.due_at for watched in self._watched.values())
                pause_s = max(self._pause_s, min(cost_s * _IDLE_SHARE, _LONGEST_REST_S))
                self._changed.wait(min(max(due_at - time.monotonic(), 0.0), pause_s))
            return not self._closed

    def _round(self) -> None:
        """Read what may have changed and tell it; tell what it was too early for."""
        for job in self._read(self._take_stale()):
            watched = self._watched.get(job.id)
            if watched is not None:
                watched.offer(JobEvent(job))
        now = time.monotonic()
        for watched in list(self._watched.values()):
            if watched.held is not None and watched.due_at <= now:
                watched.offer(watched.held)

    def _take_stale(self) -> Collection[str]:
        any_may = self._any_may_have_changed()
        with self._changed:
            stale, self._stale = self._stale, set()
            return list(self._watched) if any_may else stale

    def _any_may_have_changed(self) -> bool:
        if self._database.is_sqlite:
            if self._counter is None:
                self._counter = WriteCounter(self._database.engine)
            return self._counter.moved()
        if time.monotonic() < self._read_all_at + self._pause_s:
            return False
        self._read_all_at = time.monotonic()
        return True

    def _read(self, job_ids: Collection[str]) -> Iterator[Job]:
        ids = sorted(job_ids)
        for first in range(0, len(ids), _READ_AT_ONCE):
            with self._database.reading() as session:
                some = repository.several(session, ids[first : first + _READ_AT_ONCE])
                jobs = [job_of(row) for row in some]
            yield from jobs

    def _try_again_later(self) -> None:
        with self._changed:
            self._changed.wait(_AFTER_FAILURE_S)
            self._stale.update(self._watched)


def _ids(names: Collection[str]) -> set[str]:
    mark = repository.ANNOUNCED
    return {name.removeprefix(mark) for name in names if name.startswith(mark)}
