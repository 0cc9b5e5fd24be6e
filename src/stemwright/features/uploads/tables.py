"""Uploads that were asked for, and what became of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from stemwright.db.base import Table


class UploadRow(Table):
    """One upload, from the moment its address is handed out."""

    __tablename__ = "uploads"
    __table_args__ = (
        Index("ix_uploads_owner_claimed", "owner", "claimed_at"),
        Index("ix_uploads_storage_key", "storage_key"),
    )

    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    """What the client knows it by."""
    owner: Mapped[str] = mapped_column(String(64))
    file_name: Mapped[str] = mapped_column(String(255))
    """As the client calls it."""
    content_type: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    """From then on no new job can use it."""
    storage_key: Mapped[str | None] = mapped_column(String(192), default=None)
    """Where the bytes are; none until they came. Every sending has its own."""
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    receiving_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    """Room kept for a sending that is under way."""
    claimed_at: Mapped[datetime | None] = mapped_column(default=None)
    """When a job last took it; from the first one on it stays as it is."""
