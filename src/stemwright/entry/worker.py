"""The part of the service that runs jobs: in the process of `serve`, or alone as `worker`."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from stemwright.errors import OptionError
from stemwright.features.webhooks.ports import QUEUE as WEBHOOK_QUEUE
from stemwright.features.webhooks.ports import TASK as DELIVER
from stemwright.jobs.engine import DurableEngine, QueueSize, Task, new_executor_id
from stemwright.jobs.liveness import Liveness
from stemwright.jobs.runner import JobRunner
from stemwright.jobs.service import JOB_QUEUE, RUN_JOB
from stemwright.kit import logs
from stemwright.kit.locks import NotTaken, held_lock

from .library import LIGHT_QUEUE, REMOTE_QUEUE
from .opening import database_unavailable
from .upkeep import Chores, Upkeep

if TYPE_CHECKING:
    from stemwright.jobs.job import Job

    from .composition import Service

_LOCK: Final = "worker.lock"
_AHEAD: Final = 1
"""Jobs begun beyond those that can separate, so that the next song is there when it can."""
_COURIERS: Final = 16
_COURIERS_LOOK_S: Final = 0.5
"""Each look costs 2 ms of processor, all day long; a webhook may be that late."""
_LIGHT_JOBS: Final = 6
_LIGHT_LOOK_S: Final = 0.2
_REMOTE_JOBS: Final = 16
"""They wait, nearly all the time; one that hangs shall not hold the others up."""
_REMOTE_LOOK_S: Final = 0.5
_ENGINE_ROWS_KEPT: Final = timedelta(days=2)

log = logs.get_logger(__name__)


class Worker:
    """Takes jobs and deliveries from the queues until it is stopped."""

    def __init__(
        self, service: Service, *, boundary: Callable[[str], None] = lambda _name: None
    ) -> None:
        self._service = service
        self._lock = contextlib.ExitStack()
        self._at_work: set[str] = set()
        self._runner = JobRunner(
            service.jobs, service.handlers, ended=self._ended, boundary=boundary
        )
        self._engine: DurableEngine | None = None
        self._liveness: Liveness | None = None
        self._upkeep = Upkeep(self._chores)

    def start(self) -> None:
        """Begin with what was left behind, then take what comes.

        Raises
        ------
        OptionError
            On SQLite, another process runs jobs on this data folder.
        DatabaseUnavailable
            It is full, locked by another program, or gone.

        """
        try:
            self._start()
        except DatabaseError as error:
            raise database_unavailable(self._service.database, error) from error

    def _start(self) -> None:
        service = self._service
        if service.database.is_sqlite:
            self._lock_folder(service.settings.data_dir / _LOCK)
        executor = new_executor_id(service.database)
        queues = {
            JOB_QUEUE: QueueSize(service.settings.workers + _AHEAD),
            LIGHT_QUEUE: QueueSize(_LIGHT_JOBS, poll_s=_LIGHT_LOOK_S),
            REMOTE_QUEUE: QueueSize(_REMOTE_JOBS, poll_s=_REMOTE_LOOK_S),
            WEBHOOK_QUEUE: QueueSize(_COURIERS, poll_s=_COURIERS_LOOK_S),
        }
        tasks: dict[str, Task] = {RUN_JOB: self._run, DELIVER: service.courier.deliver}
        self._engine = DurableEngine(service.database, executor, tasks, queues)
        if not service.database.is_sqlite:
            self._liveness = Liveness(service.database, executor, self._engine.recover)
            self._liveness.start()
        self._engine.start()
        self._upkeep.start()
        log.info("worker ready", executor=executor, songs_at_a_time=service.settings.workers)

    def stop_taking(self) -> None:
        """Begin nothing new. Safe to call from a signal handler."""
        self._upkeep.stop()
        if self._engine is not None:
            self._engine.stop_taking()

    def stop(self, within_s: float) -> bool:
        """Wait for the jobs at work; false if some are not done in time.

        Those are begun again by the next worker: the caller ends the process without ado.
        """
        self.stop_taking()
        deadline = time.monotonic() + within_s
        while self._at_work and time.monotonic() < deadline:
            time.sleep(0.05)
        if self._at_work:
            log.warning("jobs left for the next worker", jobs=sorted(self._at_work))
            return False
        self._close()
        return True

    def _close(self) -> None:
        if self._liveness is not None:
            self._liveness.stop()
            with contextlib.suppress(SQLAlchemyError):
                self._liveness.leave()
        # the engine itself takes seconds to close and has nothing to lose: the process ends now
        self._lock.close()

    def _lock_folder(self, path: Path) -> None:
        try:
            self._lock.enter_context(held_lock(path))
        except NotTaken as error:
            raise OptionError(
                f"Another process runs jobs on {path.parent}. SQLite serves one worker; for more, "
                "set STEMWRIGHT_DATABASE_URL to a PostgreSQL database, or stop the other one."
            ) from error
        except OSError as error:
            raise OptionError(
                f"The lock {path} cannot be made: {error.strerror}. "
                "Choose another folder with STEMWRIGHT_DATA_DIR."
            ) from error

    def _run(self, job_id: str, ticket: str) -> None:
        self._at_work.add(job_id)
        try:
            self._runner(job_id, ticket)
        finally:
            self._at_work.discard(job_id)

    def _ended(self, job: Job, status: str, seconds: Mapping[str, float]) -> None:
        worked_s = sum(seconds.values())
        length = job.facts.get("duration_s") or job.cost
        factor = length / worked_s if status == "completed" and worked_s else None
        self._service.metrics.job_ended(job.kind, status, seconds, factor)

    def _chores(self) -> Chores:
        service, engine = self._service, self._engine
        assert engine is not None
        now = service.jobs.clock()
        return {
            **service.host_chores(),
            "children": service.children.tidy,
            "light children": service.light.tidy,
            "expiry": lambda: service.jobs.expire(service.results.discard),
            "idempotency keys": service.jobs.forget_idempotency_keys,
            "uploads": lambda: service.uploads.sweep(now),
            "lost deliveries": service.webhooks.resume_lost,
            "old deliveries": service.webhooks.sweep,
            **service.library.chores(),
            "engine": lambda: engine.forget_finished(now - _ENGINE_ROWS_KEPT),
        }


def work(service: Service, stopping: threading.Event) -> None:
    """Run jobs until ``stopping``, then end the process."""
    worker = Worker(service)
    worker.start()
    stopping.wait()
    drained = worker.stop(service.settings.drain_s)
    if drained:
        service.close()
    # threads of the engine may still be at work; what they were at is begun again elsewhere
    os._exit(0)
