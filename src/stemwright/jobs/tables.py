"""Jobs and the files they leave."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from stemwright.db.base import Json, Table


class JobRow(Table):
    """One durable run of work; its kind decides what ``request`` and its like hold."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_owner_created", "owner", "created_at"),
        Index("ix_jobs_status_expires", "status", "expires_at"),
        Index("uq_jobs_owner_idempotency_key", "owner", "idempotency_key", unique=True),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    owner: Mapped[str] = mapped_column(String(64))
    """Id of the account; this package knows no more of it."""
    status: Mapped[str] = mapped_column(String(16), default="queued")
    progress: Mapped[int] = mapped_column(default=0)
    """0 to 100, never falling; 100 with status completed alone."""
    phase: Mapped[str | None] = mapped_column(String(32), default=None)
    request: Mapped[Json]
    """What was asked for."""
    facts: Mapped[Json]
    """What is known of the input; grows while the job runs."""
    result: Mapped[Json | None] = mapped_column(default=None)
    urgency: Mapped[str] = mapped_column(String(16), default="interactive")
    ticket: Mapped[str] = mapped_column(String(64), default="")
    """Of the task that may begin it; a job queued anew has another one."""
    turn: Mapped[int] = mapped_column(default=0)
    """Place in the queue among jobs of its urgency; the lowest comes first."""
    attempt: Mapped[int] = mapped_column(default=0)
    """Counts starts; what an earlier attempt reports is refused."""
    attempts_before: Mapped[int] = mapped_column(default=0)
    """How many starts there had been when it was last queued; deaths count from there."""
    cost: Mapped[int] = mapped_column(default=0)
    """Credits held for it."""
    charged: Mapped[int | None] = mapped_column(default=None)
    """Credits paid in the end; none until then."""
    error_code: Mapped[str | None] = mapped_column(String(64), default=None)
    error_message: Mapped[str | None] = mapped_column(default=None)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(default=None)
    idempotency_key: Mapped[str | None] = mapped_column(String(255), default=None)
    idempotency_fingerprint: Mapped[str | None] = mapped_column(String(64), default=None)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    completed_at: Mapped[datetime | None] = mapped_column(default=None)
    """When it ended, whichever way."""
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    """When its files are deleted."""

    artefacts: Mapped[list[ArtefactRow]] = relationship(
        lazy="raise", order_by="ArtefactRow.position", cascade="all, delete-orphan"
    )


class ArtefactRow(Table):
    """A file a job left in storage."""

    __tablename__ = "artefacts"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The stem, or ``fullAudio``, or ``audio``."""
    position: Mapped[int]
    key: Mapped[str] = mapped_column(String(512))
    content_type: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]


class ExecutorRow(Table):
    """A process that runs jobs, and when it was last heard of by the database's clock."""

    __tablename__ = "executors"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    seen_at: Mapped[datetime]
