"""A job as features and dialects see it, and which state may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

Status = Literal["queued", "running", "completed", "failed", "cancelled", "expired"]

TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    "queued": frozenset({"running", "failed", "cancelled"}),
    "running": frozenset({"running", "completed", "failed", "cancelled"}),
    "completed": frozenset({"expired"}),
    "failed": frozenset({"queued"}),
    "cancelled": frozenset({"queued"}),
    "expired": frozenset(),
}
"""A running job runs again when its worker died; a failed one is queued again by ``retry``."""

ENDED: Final[frozenset[Status]] = frozenset({"completed", "failed", "cancelled", "expired"})


@dataclass(frozen=True, slots=True)
class Artefact:
    """A file a job left in storage."""

    name: str
    key: str
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A client's promise that requests with one key are one request."""

    key: str
    fingerprint: str
    """Of what was asked; a second request that differs is refused."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it was when read. ``jobs.tables.JobRow`` says what each field means."""

    id: str
    kind: str
    owner: str
    status: Status
    progress: int
    phase: str | None
    request: Mapping[str, Any]
    facts: Mapping[str, Any]
    result: Mapping[str, Any] | None
    attempt: int
    cost: int
    charged: int | None
    error_code: str | None
    error_message: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None
    artefacts: tuple[Artefact, ...] = ()
    urgency: str = "interactive"
    attempts_before: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, newest first, and how long the whole is."""

    jobs: tuple[Job, ...]
    total: int
