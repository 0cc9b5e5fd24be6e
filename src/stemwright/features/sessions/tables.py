"""Browser sessions, and tokens that travel by e-mail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from stemwright.db.base import Table


class BrowserSessionRow(Table):
    """One browser in which somebody logged in."""

    __tablename__ = "browser_sessions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Stays the same while tokens change."""
    owner: Mapped[str] = mapped_column(String(64), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    previous_hash: Mapped[str | None] = mapped_column(String(64), index=True, default=None)
    """The token before, for requests that were on their way when it was replaced."""
    previous_until: Mapped[datetime | None] = mapped_column(default=None)
    issued_at: Mapped[datetime]
    """When the token was made."""
    authenticated_at: Mapped[datetime]
    """When somebody last showed a password or a link."""
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    """To the hour."""
    expires_at: Mapped[datetime] = mapped_column(index=True)
    remember: Mapped[bool] = mapped_column(default=False)
    """Whether the browser keeps the token when it is closed."""


class LoginTokenRow(Table):
    """A token in a link that was sent by e-mail and can be used once."""

    __tablename__ = "login_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    purpose: Mapped[str] = mapped_column(String(16))
    """log-in or email."""
    email: Mapped[str] = mapped_column(String(160))
    """Where it was sent: to log in, the account's address; to change that, the new one."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
