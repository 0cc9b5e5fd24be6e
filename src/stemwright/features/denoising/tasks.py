"""A denoise job in the worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemwright.features.intake.service import Intake
from stemwright.features.results.service import Results
from stemwright.jobs.attempt import Attempt
from stemwright.jobs.children import ChildPool
from stemwright.jobs.job import Job
from stemwright.jobs.service import Outcome

from .service import AUDIO

CLEAN: Final = "denoising.denoise"
"""Name under which the child process knows :func:`render.denoise_file`."""

_FETCHED: Final = 5.0
_CLEANED: Final = 95.0


@dataclass(slots=True)
class DenoiseHandler:
    """Runs jobs of the kind denoise."""

    intake: Intake
    results: Results
    children: ChildPool

    def run(self, job: Job, attempt: Attempt) -> Outcome:
        """Clean one recording."""
        attempt.report("download", 0)
        song = self.intake.bring(job, lambda f: attempt.report("download", f * _FETCHED), attempt)
        attempt.check()
        name, output = str(job.facts["file_name"]), self._output(job)
        done = self.children.ask(
            CLEAN,
            {
                "name": name,
                "song": str(song),
                "output": str(output),
                "format": job.request["output_format"].lower(),
                "max_duration_s": self.intake.limits.max_s,
            },
            progress=lambda phase, f: attempt.report(phase, _FETCHED + f * (_CLEANED - _FETCHED)),
            cancelled=attempt.cancelled,
        )
        attempt.report("encode", _CLEANED)
        price = self.intake.price(job, name, done["duration_s"])
        artefacts = self.results.store(job, name, [(AUDIO, output)])
        attempt.check()
        facts = {} if price is None else {"duration_s": price}
        return Outcome(artefacts, facts, charged=price)

    def discard(self, job: Job, attempt: int) -> None:
        """Delete what an attempt stored; the folder on this machine may be another one's."""
        self.results.discard_attempt(job, attempt)

    def leave(self, job: Job) -> None:
        """Keep nothing but the result."""
        self.intake.leave(job)
        self.results.keep_result(job)

    def _output(self, job: Job) -> Path:
        extension = job.request["output_format"].lower()
        output = self.intake.workplace(job) / f"clean-{job.attempt}.{extension}"
        output.unlink(missing_ok=True)
        return output
