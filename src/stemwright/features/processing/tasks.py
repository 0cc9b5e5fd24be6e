"""A separation of a track in the worker: by a child of this machine, or by lalal.ai."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from stemwright.errors import StemwrightError
from stemwright.features.intake.service import Intake
from stemwright.features.lalalai.orders import record_of
from stemwright.features.lalalai.service import Lalalai
from stemwright.features.lalalai.split import Splitter
from stemwright.features.results.service import Results
from stemwright.features.separations.stem_work import StemWork
from stemwright.features.separations.tasks import SEPARATE
from stemwright.features.tracks.service import Tracks
from stemwright.features.tracks.track import Stem, Track
from stemwright.jobs.attempt import Attempt
from stemwright.jobs.children import ChildPool
from stemwright.jobs.job import Artefact, Job
from stemwright.jobs.service import Outcome
from stemwright.kit.ids import new_uuid

from .orders import LALALAI, LOCAL, MODELS, ProcessingOrder
from .service import stems_of

FOLDER: Final = "stems"
_BROUGHT, _SEPARATED = 3.0, 97.0
_BRING_PHASE: Final = "probe"
_UPLOAD_PHASE: Final = "upload"
_SEPARATE_PHASE: Final = "separate"
_STORE_PHASE: Final = "store"
_UPLOADED_SHARE: Final = 10.0
"""Percent of a separation by lalal.ai at which the song is over there."""


@dataclass(slots=True)
class ProcessingHandler:
    """Runs jobs of the kind processing."""

    intake: Intake
    tracks: Tracks
    results: Results
    children: ChildPool
    lalalai: Lalalai
    splitter: Splitter

    def run(self, job: Job, attempt: Attempt) -> Outcome:
        """Separate one track; the stems are told of when all of them are stored."""
        order = ProcessingOrder.of(job.request)
        attempt.report(_BRING_PHASE, 0)
        # now and not as it was ordered: the song may have been replaced since
        track = self.tracks.find(job.owner, order.track_id)
        place = self.intake.workplace(job)
        song = self.tracks.fetch_audio(job.owner, track.id, place / f"song-{job.attempt}")
        attempt.check()
        folder = _empty(place / f"stems-{job.attempt}")
        try:
            separated = self._by_lalalai if order.engine == LALALAI else self._here
            files = separated(job, order, song, folder, attempt)
            attempt.report(_STORE_PHASE, _SEPARATED)
            artefacts = self.results.store(job, track.title, list(files.items()))
        except StemwrightError:
            # at once: on a full disk the job's end cannot be written before there is room
            shutil.rmtree(folder, ignore_errors=True)
            raise
        attempt.check()
        return _outcome(job, order, track, artefacts)

    def discard(self, job: Job, attempt: int) -> None:
        """Delete what an attempt stored; the folder on this machine may be another one's."""
        self.results.discard_attempt(job, attempt)

    def leave(self, job: Job) -> None:
        """Keep the stems alone, here and at lalal.ai, and not those they replaced."""
        self.intake.leave(job)
        if job.request["engine"] == LALALAI:
            self.lalalai.leave(job)
        stems = stems_of(job) if job.status == "completed" else []
        self.results.keep_only(job, [stem.key for stem in stems])
        self.tracks.tidy()

    def _here(
        self, job: Job, order: ProcessingOrder, song: Path, folder: Path, attempt: Attempt
    ) -> dict[str, Path]:
        work = StemWork(
            song=song,
            folder=folder,
            stems=MODELS[order.model].stems,
            model=order.model,
            quality="balanced",
            format="wav",
            max_duration_s=self.intake.limits.max_s,
            analysed=False,  # analyses are jobs of their own
        )
        share = _SEPARATED - _BROUGHT
        done = self.children.ask(
            SEPARATE,
            {"name": str(job.facts.get("title", "the song")), "work": work.plain()},
            progress=lambda phase, f: attempt.report(phase, _BROUGHT + f * share),
            cancelled=attempt.cancelled,
        )
        return {stem: Path(path) for stem, path in done["files"].items()}

    def _by_lalalai(
        self, job: Job, order: ProcessingOrder, song: Path, folder: Path, attempt: Attempt
    ) -> dict[str, Path]:
        def advanced(percent: float) -> None:
            phase = _UPLOAD_PHASE if percent < _UPLOADED_SHARE else _SEPARATE_PHASE
            attempt.report(phase, _BROUGHT + percent * (_SEPARATED - _BROUGHT) / 100)

        return self.splitter.split(
            song,
            order.split(),
            folder,
            remembered=self.lalalai.begin(job),
            progress=advanced,
            cancelled=attempt.cancelled,
        )


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _outcome(
    job: Job, order: ProcessingOrder, track: Track, artefacts: tuple[Artefact, ...]
) -> Outcome:
    stems = [_stem(job, order, track.id, artefact) for artefact in artefacts]
    # the files are the library's and not the job's: they do not expire with it
    return Outcome(
        facts={"stems": [_plain(stem) for stem in stems]},
        result={"model": order.model, "stems": [_shown(stem) for stem in stems]},
    )


def _stem(job: Job, order: ProcessingOrder, track_id: str, artefact: Artefact) -> Stem:
    stem_type, named = record_of(artefact.name)
    options: dict[str, Any] = {**named, "preview": True} if order.preview else {**named}
    if order.engine == LOCAL:
        options["model"] = order.model
    return Stem(
        id=new_uuid(),
        track_id=track_id,
        job_id=job.id,
        stem_type=stem_type,
        file_path=f"{FOLDER}/{job.id}/{artefact.name}{Path(artefact.key).suffix}",
        key=artefact.key,
        content_type=artefact.content_type,
        size_bytes=artefact.size_bytes,
        source=order.engine,
        options=options,
    )


def _plain(stem: Stem) -> dict[str, Any]:
    plain = asdict(stem)
    del plain["created_at"]
    return plain


def _shown(stem: Stem) -> Mapping[str, Any]:
    """A stem as clients see it, without where it is kept."""
    return {
        "id": stem.id,
        "track_id": stem.track_id,
        "processing_job_id": stem.job_id,
        "stem_type": stem.stem_type,
        "file_path": stem.file_path,
        "url": f"/files/{stem.file_path}",
        "download_url": f"/export/stem/{stem.id}",
        "file_size": stem.size_bytes,
        "source": stem.source,
        "options": dict(stem.options),
    }
