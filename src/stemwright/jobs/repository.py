"""All SQL about jobs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar, cast

from sqlalchemy import CursorResult, Select, Update, delete, func, select, update
from sqlalchemy.orm import Session, selectinload

from stemwright.db.announcements import announce

from .job import TRANSITIONS, Artefact, Status
from .tables import ArtefactRow, JobRow

ANNOUNCED: Final = "job:"
"""Before the id of a job whose row changed."""

_Query = TypeVar("_Query", bound=Select[Any])


def add(session: Session, row: JobRow) -> None:
    """Insert a job; a second one with its idempotency key breaks the unique index."""
    session.add(row)
    session.flush()


def get(session: Session, job_id: str) -> JobRow | None:
    """Read a job with its artefacts."""
    return session.scalar(_with_artefacts(select(JobRow).where(JobRow.id == job_id)))


def several(session: Session, job_ids: Collection[str]) -> Sequence[JobRow]:
    """Read those of these jobs that exist, with their artefacts."""
    return session.scalars(_with_artefacts(select(JobRow).where(JobRow.id.in_(job_ids)))).all()


def by_idempotency_key(session: Session, owner: str, key: str) -> JobRow | None:
    """Read the job an earlier request with this key made."""
    found = select(JobRow).where(JobRow.owner == owner, JobRow.idempotency_key == key)
    return session.scalar(_with_artefacts(found))


def release_idempotency_key(session: Session, owner: str, key: str, before: datetime) -> None:
    """Let a key be used anew that was last used long ago."""
    session.execute(
        update(JobRow)
        .where(JobRow.owner == owner, JobRow.idempotency_key == key, JobRow.created_at < before)
        .values(idempotency_key=None, idempotency_fingerprint=None)
    )


def page(
    session: Session,
    owner: str | None,
    kinds: Collection[str] | None,
    statuses: Collection[Status] | None,
    limit: int,
    offset: int,
) -> tuple[Sequence[JobRow], int]:
    """Read some of the jobs, newest first, and count them all."""
    wanted = _matching(select(JobRow), owner, kinds, statuses)
    total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    ordered = wanted.order_by(JobRow.created_at.desc(), JobRow.id.desc())
    return session.scalars(_with_artefacts(ordered.limit(limit).offset(offset))).all(), total


def next_turn(session: Session, owner: str, urgency: str) -> int:
    """The place in the queue that is fair to everybody.

    It comes after the owner's own waiting jobs, and after what runs now but not after what others
    have waiting: start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996), every job counting
    the same.
    """
    unfinished = JobRow.status.in_(("queued", "running")), JobRow.urgency == urgency
    own = select(func.max(JobRow.turn)).where(JobRow.owner == owner, *unfinished)
    begun = select(func.max(JobRow.turn)).where(
        JobRow.status == "running", JobRow.urgency == urgency
    )
    waiting = select(func.min(JobRow.turn)).where(
        JobRow.status == "queued", JobRow.urgency == urgency
    )
    last_own, now, first_waiting = (session.scalar(query) for query in (own, begun, waiting))
    if now is None:
        now = first_waiting - 1 if first_waiting is not None else 0
    return max(last_own or 0, now) + 1


def sources_in_use(session: Session, name: str, values: Collection[str]) -> set[str]:
    """Which of these values the unfinished jobs have in their source under a name."""
    source = JobRow.request["source"][name].as_string()
    used = select(source).where(JobRow.status.in_(("queued", "running")), source.in_(values))
    return set(session.scalars(used))


def begin(session: Session, job_id: str, ticket: str | None, now: datetime) -> bool:
    """Start an attempt of a job that waits, or that another process left running."""
    begun = update(JobRow).where(JobRow.id == job_id, JobRow.status.in_(_sources("running")))
    if ticket is not None:
        begun = begun.where(JobRow.ticket == ticket)
    return _changed(
        session,
        job_id,
        begun.where(JobRow.cancel_requested_at.is_(None)).values(
            status="running",
            attempt=JobRow.attempt + 1,
            started_at=func.coalesce(JobRow.started_at, now),
        ),
    )


def report(
    session: Session, job_id: str, attempt: int, progress: int, phase: str | None, *, is_news: bool
) -> bool:
    """Note how far an attempt is; false when it is no longer the one that counts."""
    change = (
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.attempt == attempt, JobRow.status == "running")
        .where(JobRow.cancel_requested_at.is_(None))
        .values(
            progress=func.max(JobRow.progress, progress)
            if _is_sqlite(session)
            else func.greatest(JobRow.progress, progress),
            phase=phase,
        )
    )
    return _changed(session, job_id, change) if is_news else _count(session, change) == 1


def end(
    session: Session, job_id: str, attempt: int | None, status: Status, values: Mapping[str, Any]
) -> bool:
    """Let a job end, unless it has ended, another attempt has begun, or it shall stop."""
    change = update(JobRow).where(JobRow.id == job_id, JobRow.status.in_(_sources(status)))
    if attempt is not None:
        change = change.where(JobRow.attempt == attempt)
    if status == "completed":
        change = change.where(JobRow.cancel_requested_at.is_(None))
    return _changed(session, job_id, change.values(status=status, phase=None, **values))


def request_cancel(session: Session, job_id: str, now: datetime) -> bool:
    """Ask a running job to stop."""
    return _changed(
        session,
        job_id,
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.status == "running")
        .values(cancel_requested_at=func.coalesce(JobRow.cancel_requested_at, now)),
    )


def requeue(session: Session, job_id: str, turn: int) -> bool:
    """Let a job that failed or was cancelled wait again, as new."""
    fresh = dict.fromkeys(
        (
            "started_at",
            "completed_at",
            "expires_at",
            "charged",
            "error_code",
            "error_message",
            "cancel_requested_at",
            "result",
        )
    )
    return _changed(
        session,
        job_id,
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.status.in_(_sources("queued")))
        .values(
            status="queued",
            progress=0,
            phase=None,
            turn=turn,
            attempts_before=JobRow.attempt,
            **fresh,
        ),
    )


def add_artefacts(session: Session, job_id: str, artefacts: Sequence[Artefact]) -> None:
    """Record the files of the attempt that counts."""
    session.execute(delete(ArtefactRow).where(ArtefactRow.job_id == job_id))
    session.add_all(
        ArtefactRow(
            job_id=job_id,
            name=artefact.name,
            position=position,
            key=artefact.key,
            content_type=artefact.content_type,
            size_bytes=artefact.size_bytes,
        )
        for position, artefact in enumerate(artefacts)
    )
    session.flush()


def drop_artefacts(session: Session, job_id: str) -> None:
    """Forget the files of a job."""
    session.execute(delete(ArtefactRow).where(ArtefactRow.job_id == job_id))


def overdue(session: Session, now: datetime, most: int) -> Sequence[JobRow]:
    """Read completed jobs whose files are past their time."""
    past = select(JobRow).where(JobRow.status == "completed", JobRow.expires_at <= now)
    return session.scalars(_with_artefacts(past.limit(most))).all()


def forget_idempotency_keys(session: Session, before: datetime) -> int:
    """Let old keys be used anew."""
    return _count(
        session,
        update(JobRow)
        .where(JobRow.idempotency_key.is_not(None), JobRow.created_at < before)
        .values(idempotency_key=None, idempotency_fingerprint=None),
    )


def queue_depth(session: Session) -> Sequence[tuple[str, int, datetime]]:
    """Count waiting jobs by kind, with the creation time of the oldest."""
    rows = session.execute(
        select(JobRow.kind, func.count(), func.min(JobRow.created_at))
        .where(JobRow.status == "queued")
        .group_by(JobRow.kind)
    )
    return [(kind, count, oldest) for kind, count, oldest in rows]


def ids(session: Session, owner: str | None, statuses: Collection[Status]) -> Sequence[str]:
    """Names of all jobs in these states, newest first."""
    newest = select(JobRow.id).order_by(JobRow.created_at.desc())
    return session.scalars(_matching(newest, owner, None, statuses)).all()


def _matching(
    query: _Query,
    owner: str | None,
    kinds: Collection[str] | None,
    statuses: Collection[Status] | None,
) -> _Query:
    if owner is not None:
        query = query.where(JobRow.owner == owner)
    if kinds is not None:
        query = query.where(JobRow.kind.in_(kinds))
    if statuses is not None:
        query = query.where(JobRow.status.in_(statuses))
    return query


def _with_artefacts(query: Select[JobRow]) -> Select[JobRow]:
    return query.options(selectinload(JobRow.artefacts)).execution_options(populate_existing=True)


def _sources(status: Status) -> tuple[Status, ...]:
    return tuple(source for source, targets in TRANSITIONS.items() if status in targets)


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _changed(session: Session, job_id: str, change: Update) -> bool:
    if _count(session, change) != 1:
        return False
    announce(session, ANNOUNCED + job_id)
    return True


def _count(session: Session, change: Update) -> int:
    return cast(CursorResult[Any], session.execute(change)).rowcount
