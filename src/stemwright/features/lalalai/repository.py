"""All SQL about lalal.ai."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from .tables import LalalaiKeyRow, LalalaiSplitRow


def find_key(session: Session, owner: str) -> LalalaiKeyRow | None:
    """The owner's own key, sealed."""
    return session.get(LalalaiKeyRow, owner)


def put_key(session: Session, owner: str, sealed: str, now: datetime) -> None:
    """Insert or replace."""
    session.merge(LalalaiKeyRow(owner=owner, sealed=sealed, created_at=now))


def delete_key(session: Session, owner: str) -> None:
    """Forget it; also when there is none."""
    session.execute(delete(LalalaiKeyRow).where(LalalaiKeyRow.owner == owner))


def add_split(session: Session, row: LalalaiSplitRow) -> None:
    """Insert now, so that a broken constraint shows here."""
    session.add(row)
    session.flush()


def change_split(session: Session, split_id: str, values: Mapping[str, Any]) -> None:
    """Write what has changed."""
    session.execute(update(LalalaiSplitRow).where(LalalaiSplitRow.id == split_id).values(**values))


def newest_of(session: Session, job_id: str) -> LalalaiSplitRow | None:
    """The run at a job that counts."""
    return session.scalars(_newest().where(LalalaiSplitRow.job_id == job_id)).first()


def by_task(session: Session, owner: str, task_id: str) -> LalalaiSplitRow | None:
    """The owner's run whose task this is."""
    found = _newest().where(LalalaiSplitRow.task_id == task_id, LalalaiSplitRow.owner == owner)
    return session.scalars(found).first()


def unended(session: Session, job_id: str) -> Sequence[LalalaiSplitRow]:
    """Runs at a job that nobody has ended."""
    found = select(LalalaiSplitRow).where(
        LalalaiSplitRow.job_id == job_id, LalalaiSplitRow.outcome.is_(None)
    )
    return session.scalars(found).all()


def minutes_since(session: Session, fingerprint: str, since: datetime) -> float:
    """Minutes of tasks that were begun with a key."""
    spent = select(func.sum(LalalaiSplitRow.minutes)).where(
        LalalaiSplitRow.key_fingerprint == fingerprint, LalalaiSplitRow.task_began_at >= since
    )
    return session.scalar(spent) or 0.0


def last_change(session: Session, fingerprint: str) -> datetime | None:
    """When minutes of a key were last spent, or a task of it ended."""
    times = select(
        func.max(LalalaiSplitRow.task_began_at), func.max(LalalaiSplitRow.ended_at)
    ).where(LalalaiSplitRow.key_fingerprint == fingerprint)
    return max((time for time in session.execute(times).one() if time is not None), default=None)


def _newest() -> Select[LalalaiSplitRow]:
    return select(LalalaiSplitRow).order_by(
        LalalaiSplitRow.created_at.desc(), LalalaiSplitRow.id.desc()
    )
