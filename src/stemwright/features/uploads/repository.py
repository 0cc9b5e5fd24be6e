"""The SQL of uploads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import case, delete, func, select
from sqlalchemy.orm import Session

from .tables import UploadRow


def locked(session: Session, key: str) -> UploadRow | None:
    """Read an upload and keep others from changing it until the transaction ends."""
    query = select(UploadRow).where(UploadRow.key == key).with_for_update()
    return session.scalars(query, execution_options={"populate_existing": True}).one_or_none()


def waiting_bytes(session: Session, owner: str, *, receiving_since: datetime, besides: str) -> int:
    """Add up what no job uses yet, and what is on its way.

    What is said to be on its way in an upload from before ``receiving_since`` was interrupted.
    """
    recent = UploadRow.created_at > receiving_since
    receiving = case((recent, UploadRow.receiving_bytes), else_=0)
    query = select(func.coalesce(func.sum(UploadRow.size_bytes + receiving), 0)).where(
        UploadRow.owner == owner, UploadRow.claimed_at.is_(None), UploadRow.key != besides
    )
    return int(session.scalars(query).one())


def expired(session: Session, now: datetime, *, after: str, limit: int) -> Sequence[UploadRow]:
    """Read a page of those whose time is over, in the order of their keys."""
    query = (
        select(UploadRow)
        .where(UploadRow.expires_at <= now, UploadRow.key > after)
        .order_by(UploadRow.key)
        .limit(limit)
    )
    return session.scalars(query).all()


def remove(session: Session, keys: Collection[str]) -> None:
    """Forget uploads."""
    session.execute(delete(UploadRow).where(UploadRow.key.in_(keys)))


def known_objects(session: Session, storage_keys: Collection[str]) -> set[str]:
    """Say which of these objects an upload has."""
    query = select(UploadRow.storage_key).where(UploadRow.storage_key.in_(storage_keys))
    return {key for key in session.scalars(query) if key is not None}
