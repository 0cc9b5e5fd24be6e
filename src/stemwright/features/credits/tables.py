"""The ledger, and what it adds up to.

The database keeps three promises by itself: a balance is never negative, a hold of a job is there
once, and a hold ends once, settled or refunded.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from stemwright.db.base import Table


class BalanceRow(Table):
    """The credits an account has: the sum of its entries."""

    __tablename__ = "credit_balances"
    __table_args__ = (CheckConstraint("seconds >= 0", name="not_negative"),)

    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    seconds: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime]


class EntryRow(Table):
    """One movement. Nothing changes or deletes an entry; a mistake is mended by another one."""

    __tablename__ = "credit_entries"
    __table_args__ = (
        UniqueConstraint("job_id", "hold_number", "ends_hold", name="uq_credit_entries_hold"),
        Index("ix_credit_entries_owner_id", "owner", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    """Counts up, so it gives the order."""
    owner: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    """``grant``, ``adjustment``, ``hold``, ``settle`` or ``refund``."""
    seconds: Mapped[int] = mapped_column(BigInteger)
    """What it adds to the balance; negative takes away."""
    balance_s: Mapped[int] = mapped_column(BigInteger)
    """The balance after it."""
    job_id: Mapped[str | None] = mapped_column(String(64), default=None)
    hold_number: Mapped[int | None] = mapped_column(default=None)
    """1 for the first hold of a job and what ends it, 2 after a retry."""
    ends_hold: Mapped[bool | None] = mapped_column(default=None)
    note: Mapped[str] = mapped_column(String(255), default="")
    created_at: Mapped[datetime]
