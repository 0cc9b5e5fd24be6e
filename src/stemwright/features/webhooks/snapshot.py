"""A job as it ended, kept as JSON until its payload is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any, Final

from stemwright.db.base import Json
from stemwright.jobs.job import Artefact, Job

_TIMES: Final = ("created_at", "started_at", "completed_at", "expires_at")


def keep(job: Job) -> Json:
    """Write a job as JSON."""
    kept = asdict(job)
    for name in _TIMES:
        kept[name] = kept[name] and kept[name].isoformat()
    kept["artefacts"] = list(kept["artefacts"])
    return kept


def restore(kept: Mapping[str, Any], now: datetime) -> Job:
    """Read a job back; one whose files are deleted by ``now`` has expired."""
    known = {field.name for field in fields(Job)}
    values = {name: value for name, value in kept.items() if name in known}
    times = {name: kept[name] and datetime.fromisoformat(kept[name]) for name in _TIMES}
    artefacts = tuple(Artefact(**artefact) for artefact in kept["artefacts"])
    job = Job(**{**values, **times, "artefacts": artefacts})
    if job.status == "completed" and job.expires_at is not None and job.expires_at <= now:
        return replace(job, status="expired", artefacts=())
    return job
