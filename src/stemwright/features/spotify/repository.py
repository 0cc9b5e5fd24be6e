"""All SQL about linked accounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Delete, Update, delete, or_, select, update
from sqlalchemy.orm import Session

from .tables import SpotifyAccountRow, SpotifyLinkRow


def find_account(session: Session, owner: str) -> SpotifyAccountRow | None:
    """The owner's link, with or without tokens."""
    return session.get(SpotifyAccountRow, owner)


def put_account(session: Session, row: SpotifyAccountRow) -> None:
    """Store a link in place of an earlier one; a refresh of that one comes to nothing."""
    session.merge(row)
    session.flush()


def delete_account(session: Session, owner: str) -> bool:
    """Forget a link; whether there was one."""
    gone = delete(SpotifyAccountRow).where(SpotifyAccountRow.owner == owner)
    return _changed(session, gone) > 0


def take_lease(
    session: Session, owner: str, refresh_token: str, lease: str, now: datetime, until: datetime
) -> bool:
    """Become the only one who refreshes these tokens; whether that came about."""
    account = SpotifyAccountRow
    free = or_(account.lease.is_(None), account.lease_until <= now)
    taken = (
        update(account)
        .where(account.owner == owner, account.refresh_token == refresh_token, free)
        .values(lease=lease, lease_until=until)
    )
    return _changed(session, taken) > 0


def settle_lease(session: Session, owner: str, lease: str, values: Mapping[str, Any]) -> bool:
    """Store what a refresh led to, if the link is still the one that it was begun for."""
    account = SpotifyAccountRow
    settled = (
        update(account)
        .where(account.owner == owner, account.lease == lease)
        .values({**values, "lease": None, "lease_until": None})
    )
    return _changed(session, settled) > 0


def drop_tokens(session: Session, owner: str, refresh_token: str) -> None:
    """Forget tokens that open nothing, if they are still these."""
    account = SpotifyAccountRow
    session.execute(
        update(account)
        .where(account.owner == owner, account.refresh_token == refresh_token)
        .values(access_token=None, refresh_token=None, lease=None, lease_until=None)
    )


def add_link(session: Session, row: SpotifyLinkRow) -> None:
    """Keep what the user's return will need."""
    session.add(row)
    session.flush()


def take_link(session: Session, nonce: str, owner: str) -> SpotifyLinkRow | None:
    """Take it out: of two who come with the same one, the second finds nothing."""
    found = select(SpotifyLinkRow).where(
        SpotifyLinkRow.nonce == nonce, SpotifyLinkRow.owner == owner
    )
    row = session.scalar(found)
    if row is None:
        return None
    session.expunge(row)
    gone = delete(SpotifyLinkRow).where(SpotifyLinkRow.nonce == nonce)
    return row if _changed(session, gone) > 0 else None


def forget_links(session: Session, expired_by: datetime) -> int:
    """Delete those whose users did not come back."""
    return _changed(session, delete(SpotifyLinkRow).where(SpotifyLinkRow.expires_at <= expired_by))


def _changed(session: Session, statement: Delete | Update) -> int:
    return cast("CursorResult[Any]", session.execute(statement)).rowcount
