"""lalal.ai as the rest of the service meets it: keys, quota, cancelling, and what a job begins."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from stemwright.db.database import Database
from stemwright.errors import (
    JobNotFound,
    JobStateConflict,
    LalalaiError,
    LalalaiRefused,
    LalalaiRejected,
)
from stemwright.jobs.job import Job
from stemwright.jobs.service import Jobs
from stemwright.kit import logs
from stemwright.kit.clock import utc_now
from stemwright.kit.ids import is_id, new_id

from . import repository
from .api import LalalaiApi
from .licences import LicenceKey, LicenceKeys
from .remembered import Ending, Remembered
from .replies import Source
from .split import clean_up
from .tables import LalalaiSplitRow

ENGINE: Final = "lalalai"
"""``Job.request["engine"]`` of the jobs that are run here."""

_QUOTA_KEPT: Final = timedelta(seconds=60)
_NOT_RUNNING: Final = "not in progress"
_STOPPED: Final = frozenset({"failed", "cancelled"})
_ENDINGS: Final[Mapping[str, Ending]] = {"completed": "completed", "cancelled": "cancelled"}
_PAGE: Final = 100

log = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Quota:
    """Minutes of a key; whole numbers are ints."""

    quota_minutes: float
    used_minutes: float
    remaining_minutes: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """Jobs that were cancelled, and their tasks."""

    job_ids: tuple[str, ...]
    task_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a job shows of its run at lalal.ai."""

    task_id: str | None
    note: str | None
    """Why it waits for another try; none while it goes on."""
    key_origin: str


@dataclass(slots=True)
class Lalalai:
    """Everything but the separation itself, which is ``split.Splitter``."""

    database: Database
    api: LalalaiApi
    keys: LicenceKeys
    jobs: Jobs
    legacy_billing: bool = True
    keep_remote: bool = False
    clock: Callable[[], datetime] = utc_now
    _quotas: dict[str, tuple[datetime, Quota]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # ----------------------------------------------------------------------------- for a job

    def begin(self, job: Job) -> Remembered:
        """What is known of the job's run: as an earlier attempt left it, else nothing but a key.

        Raises
        ------
        LalalaiNotConfigured, LalalaiRejected

        """
        with self.database.reading() as session:
            row = repository.newest_of(session, job.id)
        if row is not None and row.outcome is None:
            try:
                return self._bound(row, self.keys.recall(job.owner, row.key_fingerprint), job)
            except LalalaiRejected:
                if row.task_id is not None:
                    raise
                self._end(row.id, "failed")  # nothing was begun with the key that is gone
        key = self.keys.resolve(job.owner)
        new = LalalaiSplitRow(
            id=new_id("lal"),
            job_id=job.id,
            owner=job.owner,
            key_origin=key.origin,
            key_fingerprint=key.fingerprint,
            created_at=self.clock(),
        )
        with self.database.transaction() as session:
            repository.add_split(session, new)
        return self._bound(new, key, job)

    def leave(self, job: Job) -> None:
        """Delete over there what the attempts at an ended job needed; stop what still runs.

        Only now: until the job has ended, another attempt may have to fetch the tracks again.
        """
        with self.database.reading() as session:
            rows = repository.unended(session, job.id)
        for row in rows:
            try:
                key = self.keys.recall(job.owner, row.key_fingerprint)
            except LalalaiError as error:
                log.warning("lalal.ai keeps a task", job_id=job.id, reason=error.message)
            else:
                left = self._bound(row, key, job)
                running = row.task_id is not None and job.status != "completed"
                clean_up(self.api, left, is_running=running, keep=self.keep_remote)
            self._end(row.id, _ENDINGS.get(job.status, "failed"))

    def standing(self, job_id: str) -> Standing | None:
        """What to show of a job's newest run; none if it has not begun one."""
        with self.database.reading() as session:
            row = repository.newest_of(session, job_id)
        return None if row is None else Standing(row.task_id, row.note, row.key_origin)

    # ------------------------------------------------------------------------------ for a user

    def cancel(self, owner: str, task_or_job_id: str) -> Stopped:
        """Cancel one job by lalal.ai's id of its task, or by our id of it.

        Raises
        ------
        JobNotFound
            Unknown, or somebody else's.
        JobStateConflict
            It has ended already, and not by being cancelled.
        LalalaiError

        """
        job, row = self._found(owner, task_or_job_id)
        if job.status in {"completed", "expired"}:
            raise JobStateConflict(f"Job {job.id} is {job.status} and cannot be cancelled.")
        if row is None or row.task_id is None:
            self._cancel_here(job)
            return Stopped((job.id,), ())
        if job.status not in _STOPPED:
            key = self.keys.recall(owner, row.key_fingerprint)
            refusal = self.api.cancel(key, [row.task_id])[row.task_id]
            self._require_stopped(job, row.task_id, refusal)
            self._cancel_here(job)
        return Stopped((job.id,), (row.task_id,))

    def cancel_all(self, owner: str) -> Stopped:
        """Cancel the owner's jobs of this engine, whichever key they use, and nobody else's.

        Where lalal.ai does not answer, the job is stopped all the same; its worker then tries to
        stop the task.
        """
        live = {job.id: job for job in self._live(owner)}
        with self.database.reading() as session:
            rows = {job_id: repository.newest_of(session, job_id) for job_id in live}
        tasks = {row.task_id: row for row in rows.values() if row and row.task_id}
        refused = self._cancel_there(owner, tasks)
        stopped = [
            job.id
            for job in live.values()
            if not ((row := rows[job.id]) and row.task_id in refused) and self._cancel_here(job)
        ]
        return Stopped(
            tuple(stopped),
            tuple(row.task_id for x in stopped if (row := rows[x]) and row.task_id),
        )

    def quota(self, owner: str) -> Quota:
        """Minutes of the key that the owner's next task would spend.

        Raises
        ------
        LalalaiError

        """
        key = self.keys.resolve(owner)
        now = self.clock()
        with self.database.reading() as session:
            changed_at = repository.last_change(session, key.fingerprint)
        with self._lock:
            kept = self._quotas.get(key.fingerprint)
        if kept and now - kept[0] < _QUOTA_KEPT and (changed_at is None or changed_at < kept[0]):
            return kept[1]
        quota = self._quota(key)
        with self._lock:
            self._quotas[key.fingerprint] = (now, quota)
        return quota

    # ---------------------------------------------------------------------------------- within

    def _bound(self, row: LalalaiSplitRow, key: LicenceKey, job: Job) -> Remembered:
        return Remembered(
            key=key,
            source=_source(row),
            idempotency_key=row.idempotency_key,
            task_id=row.task_id,
            task_began_at=row.task_began_at,
            minutes=row.minutes,
            keep=lambda remembered: self._change(row.id, _values(remembered)),
            tell=lambda note: self._change(row.id, {"note": note}),
            end=lambda ending: self._end(row.id, ending),
            is_overtaken=lambda: self.jobs.find(None, job.id).attempt != job.attempt,
        )

    def _change(self, split_id: str, values: dict[str, Any]) -> None:
        with self.database.transaction() as session:
            repository.change_split(session, split_id, values)

    def _end(self, split_id: str, ending: Ending) -> None:
        self._change(split_id, {"outcome": ending, "note": None, "ended_at": self.clock()})

    def _found(self, owner: str, task_or_job_id: str) -> tuple[Job, LalalaiSplitRow | None]:
        if not is_id(task_or_job_id):
            raise JobNotFound(task_or_job_id)
        with self.database.reading() as session:
            row = repository.by_task(session, owner, task_or_job_id)
        job = self.jobs.find(owner, row.job_id if row is not None else task_or_job_id)
        if job.request.get("engine") != ENGINE:
            raise JobNotFound(task_or_job_id)
        if row is None:
            with self.database.reading() as session:
                row = repository.newest_of(session, job.id)
        return job, row

    def _live(self, owner: str) -> Iterator[Job]:
        offset, total = 0, 1
        while offset < total:
            page = self.jobs.page(owner, None, ("queued", "running"), _PAGE, offset)
            yield from (job for job in page.jobs if job.request.get("engine") == ENGINE)
            offset, total = offset + _PAGE, page.total

    def _cancel_there(self, owner: str, tasks: Mapping[str, LalalaiSplitRow]) -> set[str]:
        """Cancel tasks, those of one key together; the ones that had ended by themselves."""
        by_key: dict[str, list[str]] = {}
        for task_id, row in tasks.items():
            by_key.setdefault(row.key_fingerprint, []).append(task_id)
        refused: set[str] = set()
        for fingerprint, task_ids in by_key.items():
            try:
                refusals = self.api.cancel(self.keys.recall(owner, fingerprint), task_ids)
            except LalalaiError as error:
                log.warning("lalal.ai did not cancel", reason=error.message)
            else:
                refused |= {task for task, refusal in refusals.items() if refusal is not None}
        return refused

    def _require_stopped(self, job: Job, task_id: str, refusal: str | None) -> None:
        if refusal is None or self.jobs.find(None, job.id).status in _STOPPED:
            return
        said = f"lalal.ai does not cancel task {task_id}: {refusal}."
        if _NOT_RUNNING in refusal:
            raise JobStateConflict(said)
        raise LalalaiRefused(said)

    def _cancel_here(self, job: Job) -> bool:
        """Cancel our job; whether it is stopped now."""
        try:
            self.jobs.cancel(job.id, job.owner)
        except JobStateConflict:
            return self.jobs.find(None, job.id).status in _STOPPED
        return True

    def _quota(self, key: LicenceKey) -> Quota:
        remaining = self.api.minutes_left(key)
        billing = self.api.billing(key) if self.legacy_billing else None
        if billing is not None:
            return Quota(_shown(billing.limit), _shown(billing.used), _shown(remaining))
        month = self.clock().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        with self.database.reading() as session:
            used = repository.minutes_since(session, key.fingerprint, month)
        return Quota(_shown(used + remaining), _shown(used), _shown(remaining))


def _source(row: LalalaiSplitRow) -> Source | None:
    if row.source_id is None or row.source_expires_at is None:
        return None
    return Source(row.source_id, row.source_bytes, row.source_duration_s, row.source_expires_at)


def _values(remembered: Remembered) -> dict[str, Any]:
    source = remembered.source
    known = {
        "idempotency_key": remembered.idempotency_key,
        "task_id": remembered.task_id,
        "task_began_at": remembered.task_began_at,
        "minutes": remembered.minutes,
    }
    if source is None:
        return known
    return {
        **known,
        "source_id": source.id,
        "source_bytes": source.size_bytes,
        "source_duration_s": source.duration_s,
        "source_expires_at": source.expires_at,
    }


def _shown(minutes: float) -> float:
    rounded = round(max(minutes, 0.0), 2)
    return math.trunc(rounded) if rounded == math.trunc(rounded) else rounded
