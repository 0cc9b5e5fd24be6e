"""Accounts linked with Spotify, and links that are being made."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from stemwright.db.base import Table


class SpotifyAccountRow(Table):
    """A user's consent. Both tokens are sealed; without them the link has to be made anew."""

    __tablename__ = "spotify_accounts"

    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    scopes: Mapped[str] = mapped_column(Text)
    """Granted, separated by spaces."""
    access_token: Mapped[str | None] = mapped_column(Text)
    refresh_token: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime]
    """Of the access token."""
    lease: Mapped[str | None] = mapped_column(String(64), default=None)
    """Names the one refresh that is going on: a second one could use up a replaced token."""
    lease_until: Mapped[datetime | None] = mapped_column(default=None)
    linked_at: Mapped[datetime]


class SpotifyLinkRow(Table):
    """A user who was sent to Spotify and is not back yet."""

    __tablename__ = "spotify_links"

    nonce: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    verifier: Mapped[str | None] = mapped_column(Text)
    """Sealed; none where the app does without."""
    redirect_url: Mapped[str] = mapped_column(Text)
    """The exchange of the code has to repeat it exactly."""
    expires_at: Mapped[datetime] = mapped_column(index=True)
