"""How work is handed to the job engine: in the transaction that makes it necessary."""

from __future__ import annotations

from typing import Final, Protocol

from dbos import DBOSClient, EnqueueOptions
from sqlalchemy.orm import Session

from stemwright.db.database import Database

from .serialisation import JsonSerialiser

APPLICATION: Final = "stemwright"
APPLICATION_VERSION: Final = "1"
"""Constant on purpose: the engine's default changes with the source and strands older jobs."""

TaskArguments = tuple[str | int, ...]


class TaskQueue(Protocol):
    """Durable tasks: what is enqueued and committed runs at least once, in some worker."""

    def enqueue(
        self,
        session: Session,
        task: str,
        args: TaskArguments,
        *,
        queue: str,
        workflow_id: str,
        priority: int = 1,
        delay_s: float = 0,
    ) -> None:
        """Hand a task over; a second one with the same ``workflow_id`` is the same one.

        ``priority`` 1 comes first. ``delay_s`` is the time to wait before it may start.
        """
        ...


class DurableQueue:
    """The real queue: DBOS in the product's own database."""

    def __init__(self, database: Database) -> None:
        self._client = DBOSClient(
            system_database_url=engine_url(database),
            serializer=JsonSerialiser(),
            application_name=APPLICATION,
            lazy=True,
        )

    def enqueue(
        self,
        session: Session,
        task: str,
        args: TaskArguments,
        *,
        queue: str,
        workflow_id: str,
        priority: int = 1,
        delay_s: float = 0,
    ) -> None:
        """Write the engine's row through the caller's session."""
        options: EnqueueOptions = {
            "workflow_name": task,
            "queue_name": queue,
            "workflow_id": workflow_id,
            "app_version": APPLICATION_VERSION,
            "priority": priority,
        }
        if delay_s > 0:
            options["delay_seconds"] = delay_s
        self._client.enqueue_in_transaction(session, options, *args)

    def close(self) -> None:
        """Give connections back."""
        self._client.destroy()


def engine_url(database: Database) -> str:
    """The database's address as the engine spells it."""
    url = database.engine.url
    if not database.is_sqlite:
        url = url.set(drivername="postgresql")
    return url.render_as_string(hide_password=False)
