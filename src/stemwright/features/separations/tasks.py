"""A separation job in the worker: bring the song, have a child separate it, store the stems."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from stemwright.audio.encode import Format as FormatName
from stemwright.engine.catalog import QualityName
from stemwright.features.intake.service import Intake
from stemwright.features.intake.songs import whole_seconds
from stemwright.features.results.service import Results
from stemwright.jobs.attempt import Attempt
from stemwright.jobs.children import ChildPool
from stemwright.jobs.job import Job
from stemwright.jobs.service import Outcome

from .child_work import StemWork
from .orders import FULL_AUDIO, OUTPUTS
from .service import STEMS

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

    def run(self, job: Job, attempt: Attempt) -> Outcome:
        """Separate one song; everything fetched stays for a later attempt, nothing else does."""
        fetched = _FETCHED.get(job.kind, _FETCHED_FROM_SITE)
        attempt.report(_FETCH_PHASE, 0)
        song = self.intake.bring(job, lambda f: attempt.report(_FETCH_PHASE, f * fetched), attempt)
        attempt.check()
        done = self.children.ask(
            SEPARATE,
            {"name": _name(job), "work": self._work(job, song).plain()},
            progress=lambda phase, f: attempt.report(phase, fetched + f * (_SEPARATED - fetched)),
            cancelled=attempt.cancelled,
        )
        attempt.report(_STORE_PHASE, _SEPARATED)
        self._check_length(job, done["duration_s"])
        files = [(name, Path(path)) for name, path in done["files"].items()]
        if job.kind != STEMS:
            files.insert(0, (FULL_AUDIO, song))
        artefacts = self.results.store(job, _name(job), files)
        attempt.check()
        self.intake.leave(job)
        return Outcome(artefacts, _facts(job, done), charged=_price(job, done["duration_s"]))

    def discard(self, job: Job, outcome: Outcome) -> None:
        """Delete the files of an attempt that no longer counts."""
        self.results.discard(outcome.artefacts)
        self.intake.leave(job)

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
            max_duration_s=self.intake.limits.max_s,
        )

    def _check_length(self, job: Job, duration_s: float) -> None:
        """Refuse what could not be measured when the job was created and is out of bounds."""
        if job.facts.get("duration_s", 0) is None:
            self.intake.limits.check(_name(job), duration_s)


def _name(job: Job) -> str:
    """What the song is called, to people."""
    facts = job.facts
    name = facts.get("file_name") or facts.get("video_title") or facts.get("track_title")
    return str(name or "song")


def _facts(job: Job, done: Mapping[str, Any]) -> dict[str, Any]:
    found = {"bpm": done["bpm"], "key_short": done["key"]}
    if job.facts.get("duration_s", 0) is None:
        found["duration_s"] = whole_seconds(done["duration_s"])
    if job.facts.get("track_duration_estimated"):
        found |= {
            "track_duration": whole_seconds(done["duration_s"]),
            "track_duration_estimated": False,
        }
    return found


def _price(job: Job, duration_s: float) -> int | None:
    """What was agreed; or, where the length was not known then, what it has turned out to be."""
    unknown = job.facts.get("duration_s", 0) is None or job.facts.get("track_duration_estimated")
    return whole_seconds(duration_s) if unknown else None
