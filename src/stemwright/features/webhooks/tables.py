"""Webhooks, and what was and is to be delivered to them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from stemwright.db.base import Json, Table


class WebhookRow(Table):
    """A registered address."""

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[str] = mapped_column(String(128))
    """Names separated by spaces."""
    secret_check: Mapped[str] = mapped_column(String(64))
    """Digest of the secret, which itself is derived and kept nowhere."""
    is_active: Mapped[bool] = mapped_column(default=True)
    fail_count: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text, default=None)
    last_called_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime]


class DeliveryRow(Table):
    """One event for one address. A job that is retried and ends again makes another."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("job_id", "ended_at", "target"),
        Index("ix_webhook_deliveries_target_created", "owner", "target", "created_at"),
        Index("ix_webhook_deliveries_status_due", "status", "due_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(64))
    """The webhook's id, or ``callback``: never null, so that it can be part of the constraint."""
    webhook_id: Mapped[str | None] = mapped_column(
        ForeignKey("webhooks.id", ondelete="CASCADE"), index=True
    )
    job_id: Mapped[str] = mapped_column(String(64))
    ended_at: Mapped[datetime]
    event: Mapped[str] = mapped_column(String(32))
    url: Mapped[str] = mapped_column(Text)
    job: Mapped[Json]
    """The job as it ended; by the time of an attempt it may run again or be gone."""
    body: Mapped[str | None] = mapped_column(Text, default=None)
    """What is sent, character by character, as long as attempts are to be made; ASCII."""
    status: Mapped[str] = mapped_column(String(16), default="pending")
    turn: Mapped[int] = mapped_column(default=0)
    """Number of the task that may work on this; a task of an earlier turn has nothing to do."""
    attempts: Mapped[int] = mapped_column(default=0)
    status_code: Mapped[int | None] = mapped_column(default=None)
    duration_ms: Mapped[int | None] = mapped_column(default=None)
    last_error: Mapped[str | None] = mapped_column(Text, default=None)
    response_excerpt: Mapped[str | None] = mapped_column(Text, default=None)
    last_attempt_at: Mapped[datetime | None] = mapped_column(default=None)
    due_at: Mapped[datetime | None]
    series_began_at: Mapped[datetime]
    """When the job ended or a redelivery was asked for."""
    created_at: Mapped[datetime] = mapped_column(index=True)
