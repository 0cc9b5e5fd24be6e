"""Which jobs need a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stemwright.engine.catalog import DENOISE_MODEL
from stemwright.engine.model import Model
from stemwright.jobs.job import Job
from stemwright.jobs.service import Jobs

_AT_ONCE: Final = 200
_HERE: Final = "local"


@dataclass(frozen=True, slots=True)
class JobUsage:
    """Counts the unfinished jobs that were given a model when they were created."""

    jobs: Jobs

    def __call__(self, model: Model) -> int:
        """Look through all jobs that wait or run: it is asked rarely, when a model is removed."""
        found, seen = 0, 0
        while True:
            page = self.jobs.page(None, status=("queued", "running"), limit=_AT_ONCE, offset=seen)
            found += sum(_needs(job, model) for job in page.jobs)
            seen += len(page.jobs)
            if not page.jobs or seen >= page.total:
                return found


def _needs(job: Job, model: Model) -> bool:
    if model.name == DENOISE_MODEL.name:
        return job.kind == "denoise"
    # a job of an engine elsewhere names one of our models for what that engine does in its place
    here = job.request.get("engine", _HERE) == _HERE
    return here and job.request.get("model") == model.name
