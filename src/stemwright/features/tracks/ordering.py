"""Jobs about tracks: made, found and cancelled alike, whatever they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from stemwright.errors import AccessDenied, JobNotFound
from stemwright.features.credits.service import Credits
from stemwright.jobs.job import Job
from stemwright.jobs.service import Jobs, NewJob, Urgency
from stemwright.kit.ids import is_uuid, new_uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackOrder:
    """A job about to be made."""

    kind: str
    owner: str
    request: Mapping[str, Any]
    facts: Mapping[str, Any]
    cost: int = 0
    urgency: Urgency = "interactive"


@dataclass(slots=True)
class TrackJobs:
    """The jobs of this API; their ids are UUIDs."""

    jobs: Jobs
    credits: Credits

    def place(self, session: Session, order: TrackOrder) -> Job:
        """Create the job, hold its credits and enqueue it, in the caller's transaction.

        Raises
        ------
        InsufficientCredits

        """
        new = NewJob(
            id=new_uuid(),
            kind=order.kind,
            owner=order.owner,
            request=order.request,
            facts=order.facts,
            cost=order.cost,
            urgency=order.urgency,
        )
        job = self.jobs.create(session, new)
        self.credits.hold(session, order.owner, job.id, order.cost)
        return job

    def find(self, owner: str, job_id: str, kind: str) -> Job:
        """Read a job of the owner's.

        Raises
        ------
        JobNotFound, AccessDenied

        """
        if not is_uuid(job_id):
            raise JobNotFound(job_id)
        job = self.jobs.find(None, job_id, {kind})
        if job.owner != owner:
            raise AccessDenied("the job")
        return job

    def cancel(self, owner: str, job_id: str, kind: str) -> Job:
        """End a job that waits; ask one that runs to stop.

        Raises
        ------
        JobNotFound, AccessDenied, JobStateConflict

        """
        self.find(owner, job_id, kind)
        return self.jobs.cancel(job_id, owner)
