"""Who is alive: each worker says so every few seconds; work of the silent ones is taken over.

The job engine knows which executor began a task and not whether that process still exists. Only
PostgreSQL needs this; on SQLite the one executor finds its own work when it starts again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from stemwright.db.database import Database
from stemwright.kit import logs

BEAT_S: Final = 3.0
SILENT_S: Final = 15.0
"""Five missed beats: longer than a busy machine is ever late, shorter than users wait."""

log = logs.get_logger(__name__)

# The database's own clock decides: hosts of a fleet need not agree about the time.
_BEAT: Final = text(
    "INSERT INTO executors (id, seen_at) VALUES (:id, now()) "
    "ON CONFLICT (id) DO UPDATE SET seen_at = now()"
)
_SILENT: Final = text(
    "SELECT id FROM executors WHERE seen_at < now() - make_interval(secs => :silent_s)"
)
_FORGET: Final = text("DELETE FROM executors WHERE id = :id AND seen_at < now() - interval '1 day'")
_LEAVE: Final = text("DELETE FROM executors WHERE id = :id")


class Liveness:
    """Beats for one executor and watches the others."""

    def __init__(
        self,
        database: Database,
        executor_id: str,
        recover: Callable[[list[str]], None],
        *,
        beat_s: float = BEAT_S,
        silent_s: float = SILENT_S,
    ) -> None:
        self._database = database
        self._executor_id = executor_id
        self._recover = recover
        self._beat_s = beat_s
        self._silent_s = silent_s
        self._beaten = self._patient_until = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="liveness", daemon=True)

    def start(self) -> None:
        """Beat once at once, before any task can begin, and then go on."""
        self.beat()
        self._beaten = self._patient_until = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Beat no more. The row stays: if work was left behind, others shall find it soon."""
        self._ended.set()
        self._thread.join()

    def leave(self) -> None:
        """Say that nothing was left behind."""
        with self._database.transaction() as session:
            session.execute(_LEAVE, {"id": self._executor_id})

    def beat(self) -> None:
        """Say that this process lives."""
        with self._database.transaction() as session:
            session.execute(_BEAT, {"id": self._executor_id})

    def take_over(self) -> None:
        """Queue again what silent executors had begun."""
        with self._database.transaction() as session:
            silent = list(session.scalars(_SILENT, {"silent_s": self._silent_s}))
        for executor in silent:
            # a row stays for a day: a process that died between taking a task and
            # writing that it did is found again
            self._recover([executor])
            with self._database.transaction() as session:
                session.execute(_FORGET, {"id": executor})

    def _run(self) -> None:
        while not self._ended.wait(self._beat_s):
            try:
                self._round()
            except SQLAlchemyError as error:
                log.warning("heartbeat not written", error=type(error).__name__)
            except Exception:
                # the edge of this thread: without it this process would be taken for dead
                log.exception("liveness met a defect")

    def _round(self) -> None:
        self.beat()
        now = time.monotonic()
        if now - self._beaten > self._silent_s / 2:
            # what kept us from beating may have kept the others from it: let them speak first
            self._patient_until = now + self._silent_s
        self._beaten = now
        if now >= self._patient_until:
            self.take_over()
