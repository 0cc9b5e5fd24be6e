"""The job engine, DBOS, as this product uses it: named tasks on named queues.

Nothing else imports ``dbos`` but :mod:`.queue` and :mod:`.serialisation`. The engine keeps a row
for every task, notes its finished steps, and starts again what a dead process left behind.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

import dbos._dbos
from dbos import DBOS, DBOSConfig
from dbos._sys_db import SystemDatabase

from stemwright.db.database import IDLE_IN_TRANSACTION_S, Database

from .queue import APPLICATION, APPLICATION_VERSION, engine_url
from .serialisation import JsonSerialiser

EMBEDDED_EXECUTOR: Final = "embedded"
"""On SQLite one process runs jobs at a time, always under this name, so it finds its own again."""

Task = Callable[..., None]
_Plain = TypeVar("_Plain")


@dataclass(frozen=True, slots=True)
class QueueSize:
    """How a worker serves a queue."""

    concurrency: int
    """Tasks of it one process runs at a time."""
    poll_s: float = 0.1


def new_executor_id(database: Database) -> str:
    """Name this process in the engine's rows."""
    if database.is_sqlite:
        return EMBEDDED_EXECUTOR
    return f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}"


def migrate_engine(database: Database) -> None:
    """Make or update the engine's own tables; safe while other processes do the same.

    A worker would do it by itself; a host that only enqueues needs them as well.
    """
    system = SystemDatabase.create(
        engine_url(database),
        engine_kwargs={"pool_size": 3, "max_overflow": 0},
        engine=None,
        schema="dbos",
        serializer=JsonSerialiser(),
        executor_id=None,
    )
    try:
        system.run_migrations()
    finally:
        system.engine.dispose()


def run_step(name: str, step: Callable[..., _Plain], *args: object) -> _Plain:
    """Run a part of a task; once it has returned, a restarted task is given its result again."""
    return DBOS.run_step({"name": name}, step, *args)


class DurableEngine:
    """Runs tasks in threads of this process. One per process: the engine is a singleton."""

    def __init__(
        self,
        database: Database,
        executor_id: str,
        tasks: Mapping[str, Task],
        queues: Mapping[str, QueueSize],
    ) -> None:
        self._queues = queues
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": engine_url(database),
            "application_version": APPLICATION_VERSION,
            "executor_id": executor_id,
            "serializer": JsonSerialiser(),
            "run_migrations": False,
            "use_listen_notify": False,
            "enable_otlp": False,
            "log_level": "WARNING",
            "notification_listener_polling_interval_sec": 5.0,
            "sys_db_pool_size": 5,
            "sys_db_idle_transaction_timeout_sec": float(IDLE_IN_TRANSACTION_S),
        }
        DBOS(config=config)
        for name, task in tasks.items():
            DBOS.workflow(name=name, max_recovery_attempts=None)(_function(task))
        DBOS.listen_queues(list(queues))

    def start(self) -> None:
        """Recover what this executor left behind and begin to serve the queues."""
        DBOS.launch()
        for name, size in self._queues.items():
            DBOS.register_queue(
                name,
                worker_concurrency=size.concurrency,
                polling_interval_sec=size.poll_s,
                on_conflict="always_update",
            )

    def recover(self, executors: list[str]) -> None:
        """Queue again what these executors, known to be dead, had begun."""
        # internal, hence the version pin and the tests that kill workers
        DBOS._recover_pending_workflows(executors)  # noqa: SLF001

    def stop_taking(self) -> None:
        """Begin no more tasks; those at work go on."""
        instance = dbos._dbos._dbos_global_instance  # noqa: SLF001
        if instance is not None:
            for event in instance.background_thread_stop_events:
                event.set()

    def forget_finished(self, before: datetime, most: int = 1_000) -> int:
        """Delete the engine's rows of tasks that ended before a time; how many there were."""
        finished = DBOS.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED"],
            completed_before=before.isoformat(),
            limit=most,
            load_input=False,
            load_output=False,
        )
        DBOS.delete_workflows([workflow.workflow_id for workflow in finished])
        return len(finished)

    def close(self) -> None:
        """Let go of the database. Threads still at work are left behind."""
        DBOS.destroy(destroy_registry=True)


def _function(task: Task) -> Task:
    """The engine leaves marks on what it runs, which an object need not allow."""

    def run(*args: str | int) -> None:
        task(*args)

    return run
