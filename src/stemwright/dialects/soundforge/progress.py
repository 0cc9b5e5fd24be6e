"""Jobs as this API's clients hear of them: five words for states, and the events of a channel."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from stemwright.jobs.events import JobEvent
from stemwright.jobs.job import Job
from stemwright.web.feeds import Message, Update

DOWNLOAD: Final = "download"
PROCESSING: Final = "processing"
ANALYSIS: Final = "analysis"

Payload = dict[str, Any]
ResultOf = Callable[[Job], Mapping[str, Any]]
"""What a completed job made, as its REST answer has it."""

_WORDS: Final[Mapping[str, str]] = {
    "queued": "queued",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "failed",
    "expired": "completed",
}
_FETCHED: Final = frozenset({"encode", "store"})
"""Phases of a download that has its audio."""
_SAYINGS: Final[Mapping[str, str]] = {
    "queued": "Waiting",
    "downloading": "Downloading audio",
    "processing": "Processing",
    "completed": "Completed",
}
_PHASES: Final[Mapping[str, str]] = {
    "match": "Looking for the audio",
    "probe": "Looking at the audio",
    "analyse": "Analysing audio",
    "separate": "Separating stems",
    "denoise": "Removing noise",
    "encode": "Writing files",
    "store": "Storing files",
    "upload": "Sending the audio",
}


def status_word(job: Job) -> str:
    """One of the five words that this API has for a job's state, in REST as in channels."""
    if job.status != "running":
        return _WORDS[job.status]
    fetches = job.phase not in _FETCHED if job.kind == DOWNLOAD else job.phase == "download"
    return "downloading" if fetches else "processing"


def job_type(job: Job) -> str:
    """One of the three words for what a job does; whatever separates is processing."""
    return job.kind if job.kind in {DOWNLOAD, ANALYSIS} else PROCESSING


def message_of(job: Job) -> str:
    """Say in words what goes on."""
    word = status_word(job)
    if word == "failed":
        return _reason(job)
    return _PHASES.get(job.phase or "", _SAYINGS[word])


def result_of(job: Job) -> Mapping[str, Any]:
    """What the row says of the result; nothing that would need other tables."""
    result = dict(job.result or {})
    if job_type(job) == DOWNLOAD:
        return {key: result.get(key) for key in ("output_path", "file_size")}
    if job_type(job) == ANALYSIS:
        result.pop("features", None)
        return result
    # what the other API makes has neither an id here nor an address that lasts
    stems = [{"stem_type": it.name, "file_size": it.size_bytes} for it in job.artefacts]
    return {"model": job.request.get("model"), "stems": stems, **result}


class Renderer:
    """Turns states into events of the channel ``jobs:<id>``."""

    def __init__(self, result: ResultOf = result_of) -> None:
        self._result = result
        self._last: tuple[JobEvent, Update] | None = None

    def __call__(self, event: JobEvent) -> Update:
        """Render an event, once for all who hear of it: they are told one after the other."""
        last = self._last
        if last is not None and last[0] is event:
            return last[1]
        update = Update(event.marker, tuple(self._messages(event)), is_last=event.ended)
        self._last = event, update
        return update

    def _messages(self, event: JobEvent) -> list[Message]:
        job = event.job
        told = [_message("job:progress", progress(job), is_state=True)]
        word = status_word(job)
        if word == "completed":
            told.append(_message("job:completed", completed(job, self._result(job))))
        elif word == "failed":
            told.append(_message("job:failed", failed(job)))
        return told + pipeline(job)


def progress(job: Job) -> Payload:
    """How far a job is."""
    return {
        "job_id": job.id,
        "track_id": track_id(job),
        "status": status_word(job),
        "progress": job.progress,
        "message": message_of(job),
    }


def completed(job: Job, result: Mapping[str, Any]) -> Payload:
    """That a job is done, and what it made."""
    return {**_end(job), "result": dict(result), "status": "completed"}


def failed(job: Job) -> Payload:
    """That a job will not be done, and why."""
    return {**_end(job), "error": _reason(job), "status": "failed"}


def pipeline(job: Job) -> list[Message]:
    """What a job says as a stage of a chain, which its request describes.

    ``{"chain": {"track_title": …, "last": whether no stage follows}}``
    """
    chain = job.request.get("chain")
    if not isinstance(chain, Mapping):
        return []
    track = {"track_id": track_id(job), "track_title": chain.get("track_title", "")}
    stage = {"stage": job_type(job), "status": status_word(job), "progress": job.progress}
    told = [_message("pipeline:progress", {**track, **stage}, is_state=True)]
    if chain.get("last") and status_word(job) == "completed":
        told.append(_message("pipeline:complete", track))
    return told


def track_id(job: Job) -> str:
    """The track a job is about; empty for jobs of the other API, which has no tracks."""
    return str(job.request.get("track_id") or "")


def _end(job: Job) -> Payload:
    return {"job_id": job.id, "job_type": job_type(job), "track_id": track_id(job)}


def _reason(job: Job) -> str:
    return job.error_message or "The job failed."


def _message(event: str, payload: Payload, *, is_state: bool = False) -> Message:
    return Message(event, json.dumps(payload, separators=(",", ":")), is_state)
