"""Separations of tracks as jobs; their stems belong to the track."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from stemwright.engine.catalog import Model, find_model
from stemwright.errors import AudioNotReady, WeightsMissing
from stemwright.features.intake.songs import PROVISIONAL_COST, whole_seconds
from stemwright.features.lalalai.service import Lalalai
from stemwright.features.tracks.ordering import TrackJobs, TrackOrder
from stemwright.features.tracks.service import Tracks
from stemwright.features.tracks.track import Stem, Track
from stemwright.jobs.job import Job

from .orders import LALALAI, ProcessingOrder

PROCESSING: Final = "processing"

IsInstalled = Callable[[Model], bool]


@dataclass(slots=True)
class Processing:
    """Creates separation jobs of this API."""

    tracks: Tracks
    track_jobs: TrackJobs
    is_installed: IsInstalled
    lalalai: Lalalai

    def order(self, owner: str, order: ProcessingOrder) -> Job:
        """Order the stems of a track.

        Raises
        ------
        InvalidSeparationModel, InvalidEngine, OptionError
        UnknownTrack, AccessDenied, AudioNotReady
        WeightsMissing
            The model is not installed.
        LalalaiNotConfigured, LalalaiRejected, InsufficientCredits

        """
        order.check()
        track = self.tracks.find(owner, order.track_id)
        if track.audio is None:
            raise AudioNotReady
        self._require_engine(owner, order)
        with self.tracks.database.transaction() as session:
            return self.place(session, track, order)

    def place(
        self,
        session: Session,
        track: Track,
        order: ProcessingOrder,
        chain: Mapping[str, Any] | None = None,
    ) -> Job:
        """Create the job of an order that was checked; ``chain`` says which stage it is."""
        request: dict[str, Any] = {
            "track_id": track.id,
            "model": order.model,
            "engine": order.engine,
            "options": order.options,
        }
        if chain is not None:
            request["chain"] = dict(chain)
        return self.track_jobs.place(
            session,
            TrackOrder(
                kind=PROCESSING,
                owner=track.owner,
                request=request,
                facts={"title": track.title},
                cost=self._cost(track, order),
            ),
        )

    def find(self, owner: str, job_id: str) -> Job:
        """Read a separation; raises `JobNotFound` or `AccessDenied`."""
        return self.track_jobs.find(owner, job_id, PROCESSING)

    def cancel(self, owner: str, job_id: str) -> Job:
        """Stop a separation; raises also `JobStateConflict`."""
        return self.track_jobs.cancel(owner, job_id, PROCESSING)

    def job_ended(self, session: Session, job: Job) -> None:
        """Give the track its stems, in the transaction that ends the job."""
        if job.kind == PROCESSING and job.status == "completed":
            self.tracks.add_stems(session, job.request["track_id"], stems_of(job))

    def _require_engine(self, owner: str, order: ProcessingOrder) -> None:
        if order.engine == LALALAI:
            self.lalalai.keys.resolve(owner)
        elif not self.is_installed(find_model(order.model)):
            raise WeightsMissing(
                f"The model {order.model} is not installed on this server; its operator can "
                f"install it: stemwright models pull {order.model}"
            )

    def _cost(self, track: Track, order: ProcessingOrder) -> int:
        """Credits for the song; none where the user's own key pays."""
        if order.engine == LALALAI and self.lalalai.keys.has_own(track.owner):
            return 0
        known = track.audio.duration_s if track.audio else track.duration_s
        return PROVISIONAL_COST if known is None else whole_seconds(known)


def stems_of(job: Job) -> list[Stem]:
    """The stems a completed job brought, as it notes them."""
    return [Stem(**stem) for stem in job.facts["stems"]]
