"""Analyses of tracks as jobs; what they find belongs to the track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from stemwright.errors import AudioNotReady
from stemwright.features.tracks.ordering import TrackJobs, TrackOrder
from stemwright.features.tracks.service import Tracks
from stemwright.features.tracks.track import Track
from stemwright.jobs.job import Job

from .wanted import wanted_features

ANALYSIS: Final = "analysis"


@dataclass(slots=True)
class Analyses:
    """Creates analysis jobs."""

    tracks: Tracks
    track_jobs: TrackJobs

    def order(
        self,
        owner: str,
        track_id: str,
        features: Sequence[str] | None = None,
        *,
        lone_type: str | None = None,
    ) -> Job:
        """Order features of a track.

        Raises
        ------
        InvalidFeatures, UnknownTrack, AccessDenied, AudioNotReady

        """
        wanted = wanted_features(features, lone_type)
        track = self.tracks.find(owner, track_id)
        if track.audio is None:
            raise AudioNotReady
        with self.tracks.database.transaction() as session:
            return self.place(session, track, wanted)

    def place(
        self,
        session: Session,
        track: Track,
        features: Sequence[str],
        chain: Mapping[str, Any] | None = None,
    ) -> Job:
        """Create the job of an order that was checked; ``chain`` says which stage it is."""
        request: dict[str, Any] = {"track_id": track.id, "features": list(features)}
        if chain is not None:
            request["chain"] = dict(chain)
        facts = {"title": track.title}
        order = TrackOrder(kind=ANALYSIS, owner=track.owner, request=request, facts=facts)
        return self.track_jobs.place(session, order)

    def find(self, owner: str, job_id: str) -> Job:
        """Read an analysis; raises `JobNotFound` or `AccessDenied`."""
        return self.track_jobs.find(owner, job_id, ANALYSIS)

    def cancel(self, owner: str, job_id: str) -> Job:
        """Stop an analysis; raises also `JobStateConflict`."""
        return self.track_jobs.cancel(owner, job_id, ANALYSIS)

    def job_ended(self, session: Session, job: Job) -> None:
        """Give the track what was found, in the transaction that ends the job."""
        if job.kind == ANALYSIS and job.status == "completed" and job.result is not None:
            request = job.request
            self.tracks.put_analysis(
                session, request["track_id"], job.id, request["features"], job.result
            )
