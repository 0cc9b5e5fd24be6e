"""The one place that reads the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Read the clock; the result is aware, in UTC."""
    return datetime.now(UTC)
