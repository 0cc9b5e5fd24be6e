"""Webhooks and their deliveries as dialects and the command line see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from stemwright.jobs.job import Job

Event = Literal["job.completed", "job.failed"]
EVENTS: Final[tuple[Event, ...]] = ("job.completed", "job.failed")

DeliveryStatus = Literal["pending", "delivered", "failed"]

CALLBACK: Final = "callback"
"""Stands where a webhook's id would, for the address that came with one job."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of an account's jobs."""

    id: str
    owner: str
    url: str
    events: tuple[Event, ...]
    is_active: bool
    """Switched off after too many failures in a row; a redelivery switches it on again."""
    fail_count: int
    """Failed attempts since the last one that succeeded."""
    last_error: str | None
    last_called_at: datetime | None
    created_at: datetime
    secret: str | None = field(default=None, repr=False)
    """Known in the answer to the registration alone."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one address."""

    id: str
    webhook_id: str
    """Or :data:`CALLBACK`."""
    job_id: str
    event: Event
    url: str
    status: DeliveryStatus
    attempts: int
    """Of the present series; a redelivery begins another."""
    status_code: int | None
    """What the last attempt was answered with; none if it was not."""
    duration_ms: int | None
    last_error: str | None
    response_excerpt: str | None
    last_attempt_at: datetime | None
    due_at: datetime | None
    """When the next attempt is made; none when there is none."""
    created_at: datetime


def event_of(job: Job) -> Event | None:
    """Name what the end of a job is to the outside; a cancelled job has failed."""
    match job.status:
        case "completed":
            return "job.completed"
        case "failed" | "cancelled":
            return "job.failed"
        case _:
            return None
