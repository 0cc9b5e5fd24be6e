"""What follows a download where its order says so: a separation, then an analysis."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from stemwright.errors import StemwrightError
from stemwright.features.analyses.service import Analyses
from stemwright.features.analyses.wanted import DEFAULT_FEATURES
from stemwright.features.processing.orders import ProcessingOrder
from stemwright.features.processing.service import PROCESSING, Processing
from stemwright.features.tracks.service import Tracks
from stemwright.features.tracks.track import Track
from stemwright.jobs.job import Job
from stemwright.kit import logs

from .service import DOWNLOAD

log = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chain:
    """Listens to the ends of jobs; comes after those who give tracks what the jobs made."""

    tracks: Tracks
    processing: Processing
    analyses: Analyses

    def job_ended(self, session: Session, job: Job) -> None:
        """Begin the next stage, in the transaction that ends the one before.

        A stage that cannot be begun, for instance for want of credits, ends the chain and not
        the job before it.
        """
        if job.status != "completed" or not job.request.get("chain"):
            return
        try:
            with session.begin_nested():
                self._begin_next(session, job)
        except StemwrightError as error:
            log.warning("the chain ends", kind=job.kind, reason=error.message)

    def _begin_next(self, session: Session, job: Job) -> None:
        track = self.tracks.lock(session, job.request["track_id"])
        if job.kind == DOWNLOAD:
            order = ProcessingOrder(track_id=track.id)
            self.processing.place(session, track, order, _stage(track, last=False))
        elif job.kind == PROCESSING:
            self.analyses.place(session, track, DEFAULT_FEATURES, _stage(track, last=True))


def _stage(track: Track, *, last: bool) -> dict[str, str | bool]:
    return {"track_title": track.title, "last": last}
