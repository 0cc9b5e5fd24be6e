"""Jobs from their creation to the end of their files: every change of state is made here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stemwright.db.database import Database
from stemwright.errors import IdempotencyConflict, JobNotFound, JobStateConflict
from stemwright.kit.clock import utc_now
from stemwright.kit.ids import is_id, new_id

from . import repository
from .job import ENDED, Artefact, Idempotency, Job, Page, Status
from .queue import TaskQueue
from .tables import JobRow

RUN_JOB: Final = "jobs.run"
JOB_QUEUE: Final = "jobs"
IDEMPOTENCY_KEPT: Final = timedelta(hours=24)

Urgency = Literal["interactive", "batch"]
_BEFORE: Final[Mapping[str, int]] = {"interactive": 0, "batch": 1_000_000_000}
"""Added to turns: whatever is interactive comes before any batch."""

_BATCH: Final = 100

EndListener = Callable[[Session, Job], None]
QueueOf = Callable[[str, Mapping[str, Any]], str]
"""From a job's kind and request."""
Payment = Callable[[Session, Job], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What a feature knows of a job it is about to create."""

    kind: str
    owner: str
    request: Mapping[str, Any]
    facts: Mapping[str, Any]
    cost: int = 0
    urgency: Urgency = "interactive"
    idempotency: Idempotency | None = None
    id: str = field(default_factory=lambda: new_id("job"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt brought back."""

    artefacts: tuple[Artefact, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Added to what is known of the input."""
    result: Mapping[str, Any] | None = None
    charged: int | None = None
    """Credits to pay, where they differ from what was held."""


@dataclass(slots=True)
class Jobs:
    """The one table of jobs, whoever asks."""

    database: Database
    tasks: TaskQueue
    retention: timedelta = timedelta(days=14)
    clock: Callable[[], datetime] = utc_now
    queue_of: QueueOf = lambda _kind, _request: JOB_QUEUE
    """Names a job's queue: what waits for other servers shall not keep this machine idle."""
    pay: Payment = lambda _session, job: job.charged or 0
    """Settles a completed job in the transaction that ends it; the credits really charged."""
    on_ended: list[EndListener] = field(default_factory=list)
    """Called in the transaction that ends a job: what they write and the end are one."""
    on_requeued: list[EndListener] = field(default_factory=list)
    """Called in the transaction that lets a job run anew; raising refuses it."""

    def create(self, session: Session, new: NewJob) -> Job:
        """Write the job and enqueue it, in the caller's transaction.

        Jobs wait by turn, and owners take turns: hundreds of one owner's do not stand before the
        first of another's.

        Raises
        ------
        IdempotencyConflict
            The key has been used for something else.

        """
        row = self._row(new, repository.next_turn(session, new.owner, new.urgency))
        if new.idempotency is not None:
            long_ago = self.clock() - IDEMPOTENCY_KEPT
            repository.release_idempotency_key(session, new.owner, new.idempotency.key, long_ago)
        try:
            with session.begin_nested():
                repository.add(session, row)
        except IntegrityError as error:
            raise IdempotencyConflict(_used_at_once(new.idempotency)) from error
        self._enqueue(session, row)
        return _job(row, ())

    def replayed(self, owner: str, idempotency: Idempotency | None) -> Job | None:
        """The job that an earlier request with this key made; none if this is the first.

        Raises
        ------
        IdempotencyConflict
            The earlier request asked for something else.

        """
        if idempotency is None:
            return None
        with self.database.reading() as session:
            row = repository.by_idempotency_key(session, owner, idempotency.key)
        if row is None or row.created_at < self.clock() - IDEMPOTENCY_KEPT:
            return None
        if row.idempotency_fingerprint != idempotency.fingerprint:
            raise IdempotencyConflict(
                f"The Idempotency-Key {idempotency.key!r} was used for another request; "
                "send a new key with a new request."
            )
        return job_of(row)

    def find(self, owner: str | None, job_id: str, kinds: Collection[str] | None = None) -> Job:
        """Read one job; somebody else's looks like none.

        Raises
        ------
        JobNotFound

        """
        with self.database.reading() as session:
            row = repository.get(session, job_id) if is_id(job_id) else None
        if row is None or (owner is not None and row.owner != owner):
            raise JobNotFound(job_id)
        if kinds is not None and row.kind not in kinds:
            raise JobNotFound(job_id)
        return job_of(row)

    def page(
        self,
        owner: str | None,
        kinds: Collection[str] | None = None,
        status: Status | Collection[Status] | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> Page:
        """Read a part of a list, newest first."""
        statuses = (status,) if isinstance(status, str) else status
        with self.database.reading() as session:
            rows, total = repository.page(session, owner, kinds, statuses, limit, offset)
            return Page(tuple(job_of(row) for row in rows), total)

    def cancel(self, job_id: str, owner: str | None = None) -> Job:
        """End a job that waits; ask one that runs to stop.

        Raises
        ------
        JobNotFound
        JobStateConflict
            The job has ended.

        """
        job = self.find(owner, job_id)
        with self.database.transaction() as session:
            if not self._cancel_waiting(session, job_id) and not repository.request_cancel(
                session, job_id, self.clock()
            ):
                raise JobStateConflict(f"Job {job_id} is {job.status} and cannot be cancelled.")
        return self.find(owner, job_id)

    def cancel_all(self, owner: str | None = None) -> int:
        """Cancel whatever waits or runs; the number of jobs that were reached.

        In several transactions, newest jobs first: on SQLite one long one would keep everybody
        else from writing, and the oldest are those about to begin.
        """
        with self.database.reading() as session:
            left = repository.ids(session, owner, ("queued", "running"))
        batches = (left[first : first + _BATCH] for first in range(0, len(left), _BATCH))
        return sum(self._cancel_batch(batch) for batch in batches)

    def _cancel_batch(self, job_ids: Sequence[str]) -> int:
        with self.database.transaction() as session:
            return sum(
                self._cancel_waiting(session, job_id)
                or repository.request_cancel(session, job_id, self.clock())
                for job_id in job_ids
            )

    def retry(self, job_id: str, owner: str | None = None) -> Job:
        """Let a job that failed or was cancelled run again.

        Raises
        ------
        JobNotFound
        JobStateConflict
            The job has not ended that way.

        """
        job = self.find(owner, job_id)
        with self.database.transaction() as session:
            turn = repository.next_turn(session, job.owner, job.urgency)
            if not repository.requeue(session, job_id, turn):
                raise JobStateConflict(
                    f"Job {job_id} is {job.status}; only a failed or cancelled job is retried."
                )
            row = repository.get(session, job_id)
            assert row is not None
            for listener in self.on_requeued:
                listener(session, job_of(row))
            self._enqueue(session, row)
        return self.find(owner, job_id)

    # ---------------------------------------------------------------- for the process that runs it

    def begin(self, job_id: str, ticket: str | None = None) -> Job | None:
        """Start an attempt; none if there is nothing left to do.

        A task brings its ``ticket``: one of a job that was cancelled and queued anew is out of
        date, and does nothing.
        """
        with self.database.transaction() as session:
            started = repository.begin(session, job_id, ticket, self.clock())
            row = repository.get(session, job_id) if started else None
            if row is None:
                self._finish_cancelling(session, job_id)
                return None
            return job_of(row)

    def report(self, job: Job, progress: int, phase: str | None, *, is_news: bool = True) -> bool:
        """Note how far an attempt is; false when it should stop.

        What is no news is written without telling other processes: only to find a wish to stop.
        """
        with self.database.transaction() as session:
            return repository.report(
                session, job.id, job.attempt, min(progress, 99), phase, is_news=is_news
            )

    def complete(self, job: Job, outcome: Outcome) -> bool:
        """Publish what an attempt made; false if it no longer counts.

        The files, the credits, the webhooks and the status change together or not at all.
        """
        now = self.clock()
        values = {
            "progress": 100,
            "completed_at": now,
            "expires_at": now + self.retention,
            "facts": {**job.facts, **outcome.facts},
            "result": dict(outcome.result) if outcome.result is not None else None,
            "charged": job.cost if outcome.charged is None else outcome.charged,
        }
        with self.database.transaction() as session:
            if not repository.end(session, job.id, job.attempt, "completed", values):
                return False
            repository.add_artefacts(session, job.id, outcome.artefacts)
            self._pay(session, job.id)
            self._tell(session, job.id)
            return True

    def fail(self, job: Job, code: str, message: str) -> bool:
        """Record why an attempt failed; false if it no longer counts."""
        values = {"error_code": code, "error_message": message}
        with self.database.transaction() as session:
            return self._end(session, job.id, job.attempt, "failed", values)

    def stopped(self, job: Job) -> bool:
        """Record that a running job was stopped, as its user had asked."""
        with self.database.transaction() as session:
            return self._end(session, job.id, job.attempt, "cancelled", _CANCELLED)

    # ------------------------------------------------------------------------------------- upkeep

    def expire(self, discard: Callable[[Sequence[Artefact]], None], most: int = 100) -> int:
        """Let completed jobs past their retention expire, once ``discard`` has deleted their files.

        In this order, because a file whose row is gone would never be deleted.
        """
        with self.database.reading() as session:
            past = [job_of(row) for row in repository.overdue(session, self.clock(), most)]
        for job in past:
            discard(job.artefacts)
            with self.database.transaction() as session:
                repository.end(session, job.id, None, "expired", {})
                repository.drop_artefacts(session, job.id)
        return len(past)

    def sources_in_use(self, session: Session, name: str, values: Collection[str]) -> set[str]:
        """Which of these values some unfinished job has in its source under a name."""
        return repository.sources_in_use(session, name, values)

    def forget_idempotency_keys(self) -> int:
        """Let keys older than a day be used anew."""
        with self.database.transaction() as session:
            return repository.forget_idempotency_keys(session, self.clock() - IDEMPOTENCY_KEPT)

    def waiting(self) -> Sequence[tuple[str, int, float]]:
        """How many jobs wait, by kind, and for how many seconds the oldest has."""
        with self.database.reading() as session:
            rows = repository.queue_depth(session)
        return [(kind, n, (self.clock() - oldest).total_seconds()) for kind, n, oldest in rows]

    # ------------------------------------------------------------------------------------ helpers

    def _row(self, new: NewJob, turn: int) -> JobRow:
        key = new.idempotency
        return JobRow(
            id=new.id,
            kind=new.kind,
            owner=new.owner,
            status="queued",
            progress=0,
            request=dict(new.request),
            facts=dict(new.facts),
            urgency=new.urgency,
            turn=turn,
            attempt=0,
            attempts_before=0,
            cost=new.cost,
            idempotency_key=key.key if key else None,
            idempotency_fingerprint=key.fingerprint if key else None,
            created_at=self.clock(),
        )

    def _enqueue(self, session: Session, row: JobRow) -> None:
        row.ticket = new_id(row.id)
        session.flush()
        self.tasks.enqueue(
            session,
            RUN_JOB,
            (row.id, row.ticket),
            queue=self.queue_of(row.kind, row.request),
            workflow_id=row.ticket,
            priority=_BEFORE[row.urgency] + row.turn,
        )

    def _cancel_waiting(self, session: Session, job_id: str) -> bool:
        row = repository.get(session, job_id)
        if row is None or row.status != "queued":
            return False
        return self._end(session, job_id, row.attempt, "cancelled", _CANCELLED)

    def _finish_cancelling(self, session: Session, job_id: str) -> None:
        """A job whose process died while it was being stopped is stopped."""
        row = repository.get(session, job_id)
        if row is not None and row.status == "running" and row.cancel_requested_at is not None:
            self._end(session, job_id, row.attempt, "cancelled", _CANCELLED)

    def _end(
        self,
        session: Session,
        job_id: str,
        attempt: int,
        status: Status,
        values: Mapping[str, Any],
    ) -> bool:
        ended = {"completed_at": self.clock(), "charged": 0, **values}
        if not repository.end(session, job_id, attempt, status, ended):
            return False
        self._tell(session, job_id)
        return True

    def _pay(self, session: Session, job_id: str) -> None:
        row = repository.get(session, job_id)
        assert row is not None
        row.charged = self.pay(session, job_of(row))
        session.flush()

    def _tell(self, session: Session, job_id: str) -> None:
        row = repository.get(session, job_id)
        assert row is not None
        assert row.status in ENDED
        for listener in self.on_ended:
            listener(session, job_of(row))


_CANCELLED: Final = {"error_code": "cancelled", "error_message": "The job was cancelled."}


def job_of(row: JobRow) -> Job:
    """Take a job out of its row."""
    artefacts = tuple(
        Artefact(row.name, row.key, row.content_type, row.size_bytes) for row in row.artefacts
    )
    return _job(row, artefacts)


def _job(row: JobRow, artefacts: tuple[Artefact, ...]) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        owner=row.owner,
        status=row.status,  # type: ignore[arg-type]  # the transition table lets no other in
        progress=row.progress,
        phase=row.phase,
        request=row.request,
        facts=row.facts,
        result=row.result,
        urgency=row.urgency,
        attempt=row.attempt,
        cost=row.cost,
        charged=row.charged,
        error_code=row.error_code,
        error_message=row.error_message,
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
        expires_at=row.expires_at,
        artefacts=artefacts,
        attempts_before=row.attempts_before,
    )


def _used_at_once(idempotency: Idempotency | None) -> str:
    key = idempotency.key if idempotency else ""
    return f"Another request with the Idempotency-Key {key!r} came at the same time; send it again."
