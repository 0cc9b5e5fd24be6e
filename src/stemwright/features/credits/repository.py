"""The ledger's queries; each in the caller's session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from .ledger import JobAccount, Kind
from .tables import BalanceRow, EntryRow


def balance(session: Session, owner: str) -> BalanceRow | None:
    """Read a balance as the transaction sees it; None for an account without a ledger."""
    query = select(BalanceRow).where(BalanceRow.owner == owner)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def open_balance(session: Session, owner: str, at: datetime) -> bool:
    """Start an account's ledger at 0; says whether it was this transaction that did."""
    on_postgresql = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert if on_postgresql else sqlite.insert
    statement = (
        insert(BalanceRow)
        .values(owner=owner, seconds=0, updated_at=at)
        .on_conflict_do_nothing()
        .returning(BalanceRow.owner)
    )
    return session.execute(statement).one_or_none() is not None


def lock(session: Session, owner: str) -> None:
    """Let no other transaction move these credits until this one ends.

    On SQLite a transaction that writes is alone anyway.
    """
    query = select(BalanceRow.owner).where(BalanceRow.owner == owner)
    session.execute(query.with_for_update())


def move(session: Session, owner: str, seconds: int, at: datetime) -> int | None:
    """Change a balance in one statement; None, and nothing happened, if it is too small."""
    statement = (
        update(BalanceRow)
        .where(BalanceRow.owner == owner, BalanceRow.seconds + seconds >= 0)
        .values(seconds=BalanceRow.seconds + seconds, updated_at=at)
        .returning(BalanceRow.seconds)
        .execution_options(synchronize_session=False)
    )
    return session.execute(statement).scalar_one_or_none()


def append(session: Session, entry: EntryRow) -> None:
    """Write an entry down at once, so that what is read next knows it."""
    session.add(entry)
    session.flush()


def job_account(session: Session, job_id: str) -> JobAccount:
    """Tell from a job's last entry, and from the sum of all, how it stands."""
    query = select(EntryRow).where(EntryRow.job_id == job_id).order_by(EntryRow.id.desc()).limit(1)
    last = session.scalars(query).one_or_none()
    if last is None:
        return JobAccount("free", 0, 0, 0)
    number = cast("int", last.hold_number)
    match last.kind:
        case "hold":
            return JobAccount("held", number, -last.seconds, 0)
        case "settle":
            return JobAccount("settled", number, 0, -_sum(session, job_id))
        case _:
            return JobAccount("free", number, 0, 0)


def entries(session: Session, owner: str, limit: int) -> Sequence[EntryRow]:
    """Movements of an account, the newest first."""
    query = select(EntryRow).where(EntryRow.owner == owner).order_by(EntryRow.id.desc())
    return session.scalars(query.limit(limit)).all()


def entry(
    kind: Kind, owner: str, seconds: int, balance_s: int, at: datetime, note: str = ""
) -> EntryRow:
    """A movement that belongs to no job."""
    return EntryRow(
        owner=owner, kind=kind, seconds=seconds, balance_s=balance_s, created_at=at, note=note
    )


def _sum(session: Session, job_id: str) -> int:
    query = select(func.sum(EntryRow.seconds)).where(EntryRow.job_id == job_id)
    return int(session.execute(query).scalar_one())
