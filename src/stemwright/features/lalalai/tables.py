"""Users' licence keys, and what a separation by lalal.ai must know after a restart."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from stemwright.db.base import Table


class LalalaiKeyRow(Table):
    """The licence key a user has entered."""

    __tablename__ = "lalalai_keys"

    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    sealed: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class LalalaiSplitRow(Table):
    """One run at a job; a job that is retried has several, of which the newest counts."""

    __tablename__ = "lalalai_splits"
    __table_args__ = (
        Index("ix_lalalai_splits_job_created", "job_id", "created_at"),
        Index("ix_lalalai_splits_key_began", "key_fingerprint", "task_began_at"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    job_id: Mapped[str] = mapped_column(String(64))
    owner: Mapped[str] = mapped_column(String(64))
    key_origin: Mapped[str] = mapped_column(String(16))
    """own, system or global."""
    key_fingerprint: Mapped[str] = mapped_column(String(64))
    """Of the key that everything below belongs to."""
    source_id: Mapped[str | None] = mapped_column(String(36), default=None)
    source_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    source_duration_s: Mapped[float] = mapped_column(default=0.0)
    source_expires_at: Mapped[datetime | None] = mapped_column(default=None)
    idempotency_key: Mapped[str | None] = mapped_column(String(36), default=None)
    task_id: Mapped[str | None] = mapped_column(String(36), default=None, index=True)
    task_began_at: Mapped[datetime | None] = mapped_column(default=None)
    minutes: Mapped[float] = mapped_column(default=0.0)
    """What the task was charged, by our own reckoning."""
    note: Mapped[str | None] = mapped_column(Text, default=None)
    """Why it waits for another try, as long as it does."""
    outcome: Mapped[str | None] = mapped_column(String(16), default=None)
    """completed, failed or cancelled; none while it runs."""
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
