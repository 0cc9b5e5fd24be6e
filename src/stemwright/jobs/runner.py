"""Runs one job: two steps, of which the second decides.

The first does the work and can be repeated at any point; what it leaves in storage carries the
number of its attempt. The second makes it count in one transaction, unless the job has ended or
another attempt has begun.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

from stemwright.db.database import DATABASE_GONE
from stemwright.errors import (
    Cancelled,
    JobAbandoned,
    ModelError,
    OutputError,
    RuntimeUnavailable,
    StemwrightError,
    StorageError,
)
from stemwright.kit import logs

from .attempt import Attempt, Handlers
from .engine import run_step
from .job import ENDED, Artefact, Job
from .service import Jobs, Outcome

MOST_ATTEMPTS: Final = 4
"""A job whose process has died this often is not tried again."""
_THE_SERVERS_OWN: Final = (ModelError, OutputError, RuntimeUnavailable, StorageError)
"""What these say is for the operator: they name folders and hosts."""

_Returned = TypeVar("_Returned")
log = logs.get_logger(__name__)


@dataclass(slots=True)
class JobRunner:
    """The task ``jobs.run``."""

    jobs: Jobs
    handlers: Handlers
    ended: Callable[[Job, str, Mapping[str, float]], None] = lambda _job, _status, _seconds: None
    """Told of every end and of the seconds each phase took, for metrics."""
    boundary: Callable[[str], None] = lambda _name: None
    """Called between the parts; tests stop the process here."""
    sleep: Callable[[float], None] = time.sleep
    step: Callable[..., Any] = run_step
    """Runs a part so that it is not run again once it has returned."""

    def __call__(self, job_id: str, ticket: str | None = None) -> None:
        """Run a job to its end, whatever that is."""
        with logs.context(job_id=job_id):
            worked = self.step("work", self._work, job_id, ticket)
            self.boundary("worked")
            self.step("end", self._end, job_id, worked)
            self.boundary("ended")

    def _work(self, job_id: str, ticket: str | None) -> dict[str, Any] | None:
        """Do the work; the answer is plain, so that the engine can keep it."""
        job = self._patiently(lambda: self.jobs.begin(job_id, ticket))
        if job is None:
            log.info("job has nothing left to do")
            return None
        self.boundary("begun")
        worked = {"attempt": job.attempt, **self._tried(job)}
        now = self._patiently(lambda: self.jobs.find(None, job_id))
        if not _counts(now, job.attempt):
            # here and not in the next part: the engine may refuse what an overtaken process brings
            self._tidy(now, job.attempt)
            return None
        return worked

    def _tried(self, job: Job) -> dict[str, Any]:
        try:
            return self._attempted(job)
        except StemwrightError as error:
            return {"error": [error.code, _told(job, error)]}
        except Exception as error:
            # the edge of one job: whatever it met, the worker goes on with the next
            log.exception("job met a defect", kind=job.kind, attempt=job.attempt)
            return {"error": _defect(error)}

    def _attempted(self, job: Job) -> dict[str, Any]:
        if job.attempt - job.attempts_before > MOST_ATTEMPTS:
            raise JobAbandoned(
                f"The process that worked on it died {MOST_ATTEMPTS} times in a row, most likely "
                "for lack of memory; try a shorter song or give the worker more."
            )
        log.info("job begins", kind=job.kind, attempt=job.attempt)
        with Attempt(self.jobs, job, warn=_warn) as attempt:
            outcome = self.handlers[job.kind].run(job, attempt)
            return {"outcome": asdict(outcome), "seconds": attempt.seconds_by_phase()}

    def _end(self, job_id: str, worked: dict[str, Any] | None) -> None:
        if worked is None:
            return
        job = self._patiently(lambda: self.jobs.find(None, job_id))
        if job.attempt == worked["attempt"] and job.status != "queued":
            status = self._patiently(lambda: self._decided(job, worked))
            log.info("job ends", kind=job.kind, attempt=job.attempt, status=status)
            self.ended(job, status, worked.get("seconds", {}))
        self._tidy(job, worked["attempt"])

    def _decided(self, job: Job, worked: dict[str, Any]) -> str:
        try:
            return self._ended_as(job, worked)
        except DATABASE_GONE:
            raise
        except Exception as error:
            # a job that cannot be completed must not run for ever in its user's eyes
            log.exception("job cannot be ended so", kind=job.kind, attempt=job.attempt)
            return self._ended_as(job, {"attempt": job.attempt, "error": _defect(error)})

    def _ended_as(self, job: Job, worked: dict[str, Any]) -> str:
        error = worked.get("error")
        if error is None:
            if self.jobs.complete(job, _outcome(worked["outcome"])):
                return "completed"
        elif error[0] == Cancelled.code:
            if self.jobs.stopped(job):
                return "cancelled"
        elif self.jobs.fail(job, error[0], error[1]):
            return "failed"
        return self._overtaken(job, worked)

    def _overtaken(self, job: Job, worked: dict[str, Any]) -> str:
        """The job has ended already, by an earlier run of this very step or otherwise.

        Or it has not, and its user wants it to stop: that came in as the work was done.
        """
        ended = self.jobs.find(None, job.id)
        if ended.status == "completed" and ended.attempt == worked["attempt"]:
            return "completed"
        return "cancelled" if self.jobs.stopped(job) else ended.status

    def _tidy(self, job: Job, attempt: int) -> None:
        """Remove what does not count: all but the result, or what this attempt alone stored."""
        handler = self.handlers[job.kind]
        try:
            now = self._patiently(lambda: self.jobs.find(None, job.id))
            if now.status in ENDED:
                handler.leave(now)
            elif not _counts(now, attempt):
                log.warning("what an attempt made is discarded", attempt=attempt)
                handler.discard(now, attempt)
        except StemwrightError as error:
            # the job's end stands whatever becomes of left-overs
            log.warning("left-overs not removed", error=error.message)

    def _patiently(self, work: Callable[[], _Returned]) -> _Returned:
        """Repeat what failed for want of the database, which may be restarting, or full.

        For as long as that takes: a task that gave up would not be started again, and its job
        would wait, or run, for ever.
        """
        pause = 0.2
        while True:
            try:
                return work()
            except DATABASE_GONE as error:
                _warn("database not there", error)
                self.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # spreads workers
                pause = min(pause * 2, 10.0)


def _counts(now: Job, attempt: int) -> bool:
    """Whether an attempt is still the one at work; a job that was queued anew awaits another."""
    return now.attempt == attempt and now.status == "running"


def _told(job: Job, error: StemwrightError) -> str:
    """What the job's user is told."""
    if not isinstance(error, _THE_SERVERS_OWN):
        return error.message
    log.error("job failed by this server", kind=job.kind, code=error.code, reason=error.message)
    return f"This server could not do it ({error.code}); its log has the reason."


def _defect(error: Exception) -> list[str]:
    return ["internal", f"An internal error ({type(error).__name__}); the log has the details."]


def _outcome(plain: dict[str, Any]) -> Outcome:
    artefacts = tuple(Artefact(**artefact) for artefact in plain["artefacts"])
    return Outcome(artefacts, plain["facts"], plain["result"], plain["charged"])


def _warn(what: str, error: BaseException) -> None:
    log.warning(what, error=type(error).__name__)
