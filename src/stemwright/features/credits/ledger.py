"""Balances and movements as others see them, and what may happen to a job's credits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["grant", "adjustment", "hold", "settle", "refund"]


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account can spend, and since when."""

    seconds: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of an account's credits."""

    kind: Kind
    seconds: int
    """What it added to the balance; negative took away."""
    balance_s: int
    """The balance after it."""
    job_id: str | None
    note: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class JobAccount:
    """How a job stands in the ledger: held and unheld in turn, a hold for each attempt."""

    state: Literal["free", "held", "settled"]
    hold_number: int
    held: int
    """By the hold that is open; 0 without one."""
    charged: int
    """0 unless settled."""
