"""Queries over accounts and keys; each in the caller's session."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from .account import folded
from .keys import hash_of
from .tables import ApiKeyRow, UserRow


def user_named(session: Session, text: str) -> UserRow | None:
    """Find an account by e-mail address in any letter case, or by id."""
    if not text.isprintable():  # nor could a database be asked
        return None
    wanted = or_(UserRow.email_folded == folded(text), UserRow.id == text)
    return session.scalars(select(UserRow).where(wanted)).one_or_none()


def users(session: Session) -> Sequence[UserRow]:
    """All accounts, the oldest first."""
    return session.scalars(select(UserRow).order_by(UserRow.created_at, UserRow.id)).all()


def users_by_id(session: Session, ids: Collection[str]) -> Sequence[UserRow]:
    """Those of these accounts that exist."""
    return session.scalars(select(UserRow).where(UserRow.id.in_(ids))).all()


def keys_by_id(session: Session, ids: Collection[str]) -> Sequence[ApiKeyRow]:
    """Those of these keys that exist."""
    return session.scalars(select(ApiKeyRow).where(ApiKeyRow.id.in_(ids))).all()


def presented_key(session: Session, secret: str) -> tuple[ApiKeyRow, UserRow] | None:
    """Find the key of a secret with its account: one query over one unique index."""
    query = (
        select(ApiKeyRow, UserRow)
        .join(UserRow, UserRow.id == ApiKeyRow.owner)
        .where(ApiKeyRow.secret_hash == hash_of(secret))
    )
    found = session.execute(query).one_or_none()
    return None if found is None else (found[0], found[1])


def keys_named(session: Session, text: str, owner: str | None) -> Sequence[ApiKeyRow]:
    """Find keys by id, by the prefix that lists show, or by the whole secret."""
    if not text.isprintable():
        return []
    wanted = or_(
        ApiKeyRow.id == text, ApiKeyRow.prefix == text, ApiKeyRow.secret_hash == hash_of(text)
    )
    return session.scalars(_of(owner).where(wanted)).all()


def keys(session: Session, owner: str | None) -> Sequence[ApiKeyRow]:
    """Keys of an account, or of all; the oldest first."""
    return session.scalars(_of(owner).order_by(ApiKeyRow.created_at, ApiKeyRow.id)).all()


def note_use(session: Session, key_id: str, at: datetime, unless_since: datetime) -> None:
    """Say that a key was used, unless somebody said so lately."""
    stale = or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at <= unless_since)
    session.execute(update(ApiKeyRow).where(ApiKeyRow.id == key_id, stale).values(last_used_at=at))


def _of(owner: str | None) -> Select[ApiKeyRow]:
    query = select(ApiKeyRow)
    return query if owner is None else query.where(ApiKeyRow.owner == owner)
