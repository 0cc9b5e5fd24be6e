"""An analysis of a track in the worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stemwright.features.intake.service import Intake
from stemwright.features.tracks.service import Tracks
from stemwright.jobs.attempt import Attempt
from stemwright.jobs.children import ChildPool
from stemwright.jobs.job import Job
from stemwright.jobs.service import Outcome

ANALYSE: Final = "analyses.analyse"
"""Name under which the child process knows :func:`child_work.analyse_song`."""
_BROUGHT, _ANALYSED = 5.0, 99.0
_BRING_PHASE: Final = "probe"
_TIMEOUT_S: Final = 900.0
"""A song of an hour takes a minute on a machine that has nothing else to do."""


@dataclass(slots=True)
class AnalysisHandler:
    """Runs jobs of the kind analysis."""

    intake: Intake
    tracks: Tracks
    children: ChildPool

    def run(self, job: Job, attempt: Attempt) -> Outcome:
        """Describe one track."""
        attempt.report(_BRING_PHASE, 0)
        # now and not as it was ordered: the song may have been replaced since
        track = self.tracks.find(job.owner, job.request["track_id"])
        folder = self.intake.workplace(job) / f"song-{job.attempt}"
        song = self.tracks.fetch_audio(job.owner, track.id, folder)
        attempt.check()
        found = self.children.ask(
            ANALYSE,
            {
                "song": str(song),
                "name": track.title,
                "features": job.request["features"],
                "max_duration_s": self.intake.limits.max_s,
            },
            progress=lambda phase, f: attempt.report(phase, _BROUGHT + f * (_ANALYSED - _BROUGHT)),
            cancelled=attempt.cancelled,
            timeout_s=_TIMEOUT_S,
        )
        attempt.check()
        return Outcome(result=found)

    def discard(self, job: Job, attempt: int) -> None:
        """Nothing: an attempt stores no files."""

    def leave(self, job: Job) -> None:
        """Keep nothing on this machine."""
        self.intake.leave(job)
