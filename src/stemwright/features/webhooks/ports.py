"""What webhooks ask of a dialect, and the one way a turn is handed to the queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from stemwright.jobs.job import Job
from stemwright.jobs.queue import TaskQueue

from .webhook import Event

TASK: Final = "webhooks.deliver"
QUEUE: Final = "webhooks"

Render = Callable[[Job, Event], Mapping[str, Any]]
"""Makes the payload; a dialect's."""


def enqueue_turn(
    tasks: TaskQueue, session: Session, delivery_id: str, turn: int, delay_s: float = 0
) -> None:
    """Let a delivery have its turn; the same turn enqueued twice is one."""
    tasks.enqueue(
        session,
        TASK,
        (delivery_id, turn),
        queue=QUEUE,
        workflow_id=f"{TASK}:{delivery_id}:{turn}",
        delay_s=delay_s,
    )
