"""What every kind of job is told of alike."""

from __future__ import annotations

from typing import Any

from stemwright.jobs.job import Job

from .progress import message_of, status_word, track_id


def state(job: Job) -> dict[str, Any]:
    """How far a job is, and why it failed if it did."""
    word = status_word(job)
    return {
        "id": job.id,
        "track_id": track_id(job),
        "status": word,
        "progress": job.progress,
        "message": message_of(job),
        "error": message_of(job) if word == "failed" else None,
    }


def stopped(job: Job) -> dict[str, Any]:
    """A job that was told to stop."""
    return {"success": True, "data": {"id": job.id, "status": status_word(job)}}
