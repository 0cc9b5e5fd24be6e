"""A separation job in the worker: bring the song, have a child separate it, store the stems."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from stemwright.errors import StemwrightError
from stemwright.features.intake.service import Intake
from stemwright.features.intake.songs import Limits, whole_seconds
from stemwright.features.results.service import Results
from stemwright.jobs.attempt import Attempt
from stemwright.jobs.children import ChildPool
from stemwright.jobs.job import Job
from stemwright.jobs.service import Outcome

from .orders import FULL_AUDIO, OUTPUTS
from .service import STEMS
from .stem_work import StemWork

if TYPE_CHECKING:
    # NumPy is the child's, and 16 MB
    from stemwright.audio.encode import Format as FormatName
    from stemwright.engine.catalog import QualityName

SEPARATE: Final = "separations.separate"
"""Name under which the child process knows :func:`child_work.separate_song`."""

_FETCHED: Final = {STEMS: 5.0}
_FETCHED_FROM_SITE: Final = 20.0
_SEPARATED: Final = 95.0
_FETCH_PHASE: Final = "download"
_STORE_PHASE: Final = "encode"


@dataclass(slots=True)
class SeparationHandler:
    """Runs jobs of the kinds stems, youtube and soundcloud."""

    intake: Intake
    results: Results
    children: ChildPool
    longest_s: Mapping[str, float] = field(default_factory=dict)
    """Of kinds that take shorter songs than the service does."""

    def run(self, job: Job, attempt: Attempt) -> Outcome:
        """Separate one song; everything fetched stays for a later attempt, nothing else does."""
        fetched = _FETCHED.get(job.kind, _FETCHED_FROM_SITE)
        attempt.report(_FETCH_PHASE, 0)
        song = self.intake.bring(job, lambda f: attempt.report(_FETCH_PHASE, f * fetched), attempt)
        attempt.check()
        done = self._separated(job, song, attempt, lambda f: fetched + f * (_SEPARATED - fetched))
        attempt.report(_STORE_PHASE, _SEPARATED)
        price = self.intake.price(job, _name(job), done["duration_s"], self._limits(job))
        files = [(name, Path(path)) for name, path in done["files"].items()]
        if job.kind != STEMS:
            files.insert(0, (FULL_AUDIO, song))
        artefacts = self.results.store(job, _name(job), files)
        attempt.check()
        return Outcome(artefacts, _facts(job, done, price), charged=price)

    def _separated(
        self, job: Job, song: Path, attempt: Attempt, progress: Callable[[float], float]
    ) -> dict[str, Any]:
        work = self._work(job, song)
        try:
            return self.children.ask(
                SEPARATE,
                {"name": _name(job), "work": work.plain()},
                progress=lambda phase, f: attempt.report(phase, progress(f)),
                cancelled=attempt.cancelled,
            )
        except StemwrightError:
            # at once: on a full disk the job's end cannot be written before there is room
            shutil.rmtree(work.folder, ignore_errors=True)
            raise

    def discard(self, job: Job, attempt: int) -> None:
        """Delete what an attempt stored; the folder on this machine may be another one's."""
        self.results.discard_attempt(job, attempt)

    def leave(self, job: Job) -> None:
        """Keep nothing but the result."""
        self.intake.leave(job)
        self.results.keep_result(job)

    def _work(self, job: Job, song: Path) -> StemWork:
        folder = self.intake.workplace(job) / f"stems-{job.attempt}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        request = job.request
        return StemWork(
            song=song,
            folder=folder,
            stems=OUTPUTS[request["output_type"]],
            model=request["model"],
            quality=cast("QualityName", request["quality"].lower()),
            format=cast("FormatName", request["output_format"].lower()),
            max_duration_s=self._limits(job).max_s,
        )

    def _limits(self, job: Job) -> Limits:
        limits = self.intake.limits
        return replace(limits, max_s=min(limits.max_s, self.longest_s.get(job.kind, math.inf)))


def _name(job: Job) -> str:
    """What the song is called, to people."""
    facts = job.facts
    name = facts.get("file_name") or facts.get("video_title") or facts.get("track_title")
    return str(name or "song")


def _facts(job: Job, done: Mapping[str, Any], price: int | None) -> dict[str, Any]:
    found = {"bpm": done["bpm"], "key_short": done["key"]}
    if "duration_s" in job.facts and price is not None:
        found["duration_s"] = price
    if job.facts.get("track_duration_estimated"):
        found |= {
            "track_duration": whole_seconds(done["duration_s"]),
            "track_duration_estimated": False,
        }
    return found
