"""All SQL about downloads."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from stemwright.jobs.job import Job
from stemwright.jobs.service import job_of
from stemwright.jobs.tables import JobRow


def running(session: Session, owner: str, kind: str, track_id: str, quality: str) -> Job | None:
    """The job that brings a track in a quality, waiting or at work."""
    found = select(JobRow).where(
        JobRow.owner == owner,
        JobRow.kind == kind,
        JobRow.status.in_(("queued", "running")),
        JobRow.cancel_requested_at.is_(None),
        JobRow.request["track_id"].as_string() == track_id,
        JobRow.request["quality"].as_string() == quality,
    )
    first = found.order_by(JobRow.created_at).limit(1).options(selectinload(JobRow.artefacts))
    row = session.scalars(first).first()
    return None if row is None else job_of(row)
