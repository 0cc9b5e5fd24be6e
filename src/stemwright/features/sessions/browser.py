"""A browser's session as the rest of the service sees it, and how long things last."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from stemwright.features.accounts.account import Principal

VALID: Final = timedelta(days=14)
REISSUED_AFTER: Final = timedelta(days=7)
SUDO: Final = timedelta(minutes=10)
LINK_VALID: Final = timedelta(minutes=15)
EMAIL_LINK_VALID: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """One browser that is logged in."""

    id: str
    owner: str
    authenticated_at: datetime
    created_at: datetime
    expires_at: datetime
    remember: bool

    def is_fresh(self, now: datetime) -> bool:
        """Whether the account may be changed without logging in again."""
        return now - self.authenticated_at < SUDO


@dataclass(frozen=True, slots=True)
class Opened:
    """A session with the token that the browser is to keep from now on."""

    session: BrowserSession
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """Whom a browser's token shows."""

    session: BrowserSession
    principal: Principal
    new_token: str | None = field(default=None, repr=False)
    """In place of the one presented, when that has become old."""
