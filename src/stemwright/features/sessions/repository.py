"""Queries over browser sessions and link tokens; each in the caller's session."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from .tables import BrowserSessionRow, LoginTokenRow


def browser_session(session: Session, token_hash: str, now: datetime) -> BrowserSessionRow | None:
    """The session a token opens: its own, or for a moment the one before."""
    row = BrowserSessionRow
    before = and_(row.previous_hash == token_hash, row.previous_until > now)
    query = select(row).where(or_(row.token_hash == token_hash, before), row.expires_at > now)
    return session.scalars(query).one_or_none()


def reissue(
    session: Session, token_hash: str, new_hash: str, now: datetime, until: datetime, ends: datetime
) -> bool:
    """Replace a token, which stays good until then; false if another request was first."""
    values = {
        "token_hash": new_hash,
        "previous_hash": token_hash,
        "previous_until": until,
        "issued_at": now,
        "last_seen_at": now,
        "expires_at": ends,
    }
    row = BrowserSessionRow
    done = session.execute(
        update(row).where(row.token_hash == token_hash).values(values).returning(row.id)
    )
    return done.one_or_none() is not None


def note_seen(session: Session, session_id: str, now: datetime) -> None:
    """Say that a browser was here."""
    row = BrowserSessionRow
    session.execute(update(row).where(row.id == session_id).values(last_seen_at=now))


def end_session(session: Session, session_id: str) -> str | None:
    """Forget a session; whose it was."""
    row = BrowserSessionRow
    return session.scalars(delete(row).where(row.id == session_id).returning(row.owner)).first()


def end_sessions(session: Session, owner: str) -> Sequence[str]:
    """Forget all sessions of an account; their ids."""
    row = BrowserSessionRow
    return session.scalars(delete(row).where(row.owner == owner).returning(row.id)).all()


def sessions_of(session: Session, owner: str) -> Sequence[str]:
    """Ids of all sessions of an account."""
    row = BrowserSessionRow
    return session.scalars(select(row.id).where(row.owner == owner)).all()


def alive(session: Session, ids: Collection[str], now: datetime) -> set[str]:
    """Those of these sessions that have not ended."""
    row = BrowserSessionRow
    return set(session.scalars(select(row.id).where(row.id.in_(ids), row.expires_at > now)).all())


def forget_expired(session: Session, now: datetime) -> int:
    """Remove sessions and link tokens whose time is over; how many."""
    ended = session.scalars(
        delete(BrowserSessionRow)
        .where(BrowserSessionRow.expires_at <= now)
        .returning(BrowserSessionRow.id)
    ).all()
    unused = session.scalars(
        delete(LoginTokenRow)
        .where(LoginTokenRow.expires_at <= now)
        .returning(LoginTokenRow.token_hash)
    ).all()
    return len(ended) + len(unused)


def login_token(
    session: Session, token_hash: str, purpose: str, now: datetime
) -> LoginTokenRow | None:
    """A token that can still be used for its purpose."""
    row = LoginTokenRow
    return session.scalars(
        select(row).where(
            row.token_hash == token_hash, row.purpose == purpose, row.expires_at > now
        )
    ).one_or_none()


def take_login_token(session: Session, token_hash: str, now: datetime) -> bool:
    """Use a token up; false if it was, just now."""
    row = LoginTokenRow
    wanted = delete(row).where(row.token_hash == token_hash, row.expires_at > now)
    return session.scalars(wanted.returning(row.token_hash)).first() is not None


def unused_tokens(session: Session, owner: str, purpose: str, since: datetime) -> int:
    """How many tokens were made for an account since then and not used."""
    row = LoginTokenRow
    query = select(func.count()).where(
        row.owner == owner, row.purpose == purpose, row.created_at > since
    )
    return session.scalars(query).one()


def forget_tokens(session: Session, owner: str) -> None:
    """Make all links that were sent for an account useless."""
    session.execute(delete(LoginTokenRow).where(LoginTokenRow.owner == owner))
