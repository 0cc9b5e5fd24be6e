"""A job in this dialect's words: one mapping, of which every reply takes what it declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final

from stemwright.features.results.service import download_name
from stemwright.features.separations.orders import FULL_AUDIO, OUTPUTS
from stemwright.jobs.job import Artefact, Job, Status
from stemwright.storage.base import Storage

from .errors import contract_code
from .wire import JobStatus

WIRE_STATUS: Final[Mapping[Status, JobStatus]] = {
    "queued": "PENDING",
    "running": "PROCESSING",
    "completed": "COMPLETED",
    "failed": "FAILED",
    "cancelled": "FAILED",
    "expired": "EXPIRED",
}


def told_of(job: Job) -> dict[str, Any]:
    """Gather everything a reply may say of a job, outputs aside, under the fields' names."""
    known = job.facts
    return {
        **known,
        "id": job.id,
        "status": WIRE_STATUS[job.status],
        "progress": job.progress,
        "progress_phase": job.phase,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
        "expires_at": job.expires_at,
        "input": {
            "file_name": known.get("file_name"),
            "duration_seconds": known.get("duration_s"),
            "file_size_bytes": known.get("size_bytes"),
        },
        "options": job.request,
        "model": job.request.get("model"),
        "metadata": job.request.get("metadata"),
        "audio_metadata": {"bpm": known.get("bpm"), "key": known.get("key_short")},
        "credits_required": job.cost,
        "credits_charged": job.charged,
        "outputs": None,
        **_failure(job),
    }


def told_as_created(job: Job, estimate_s: int | None = None) -> dict[str, Any]:
    """Tell of a job as when it was accepted, so that a replayed request gets the same reply."""
    return told_of(job) | {"status": "PENDING", "progress": 0, "estimated_seconds": estimate_s}


def _failure(job: Job) -> dict[str, str | None]:
    if WIRE_STATUS[job.status] != "FAILED":
        return {"error_message": None, "error_details": None}
    code = contract_code(job.error_code) if job.error_code else None
    return {"error_message": job.error_message or "The job failed.", "error_details": code}


@dataclass(frozen=True, slots=True)
class Links:
    """Mints addresses of a job's files, all good until one instant."""

    storage: Storage
    base_url: str
    expires_at: datetime

    def outputs(self, job: Job) -> dict[str, dict[str, Any]] | None:
        """Addresses by output, in the order of the contract; none unless the job is complete."""
        if job.status != "completed":
            return None
        left = {artefact.name: artefact for artefact in job.artefacts}
        return {
            name: {"url": self._address(job, left[name]), "expires_at": self.expires_at}
            for name in _output_names(job)
            if name in left
        }

    def _address(self, job: Job, artefact: Artefact) -> str:
        return self.storage.download_url(
            artefact.key,
            base_url=self.base_url,
            expires_at=self.expires_at,
            file_name=_saved_as(job, artefact),
            content_type=artefact.content_type,
        )


def _output_names(job: Job) -> tuple[str, ...]:
    """Names a client knows of; a job may leave other files, and an unknown name breaks clients."""
    match job.kind:
        case "stems":
            return OUTPUTS[job.request["output_type"]]
        case "denoise":
            return ("audio",)
        case _:
            return (FULL_AUDIO, *OUTPUTS["BOTH"])


def _saved_as(job: Job, artefact: Artefact) -> str:
    known = job.facts
    song = known.get("video_title") or known.get("track_title") or known.get("file_name") or job.id
    return download_name(song, artefact.name, PurePosixPath(artefact.key).suffix)
