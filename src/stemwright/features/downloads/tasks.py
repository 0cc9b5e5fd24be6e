"""A download in the worker: find the song, fetch it, have a child encode it, store it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from stemwright.errors import (
    DownloadedFileInvalid,
    EmptyAudio,
    InputError,
    ServiceUnavailable,
    SourceError,
    StemwrightError,
    UnreadableAudio,
)
from stemwright.features.imports.youtube import VideoHit, YouTube
from stemwright.features.intake.service import Intake
from stemwright.features.results.service import Results
from stemwright.features.tracks.service import Tracks
from stemwright.features.tracks.track import Audio, Track
from stemwright.jobs.attempt import Attempt
from stemwright.jobs.children import ChildPool
from stemwright.jobs.job import Job
from stemwright.jobs.service import Outcome
from stemwright.kit import logs
from stemwright.web.client import GuardedClient

from .covers import fetch_cover
from .encoding_work import EncodingWork
from .matching import Candidate, Judged, Wanted, accepted, ranked
from .quality import KINDS, Quality, library_path
from .service import audio_facts

ENCODE: Final = "downloads.encode"
"""Name under which the child process knows :func:`child_work.encode_song`."""
FOLDER: Final = "downloads"
MOST_ATTEMPTS: Final = 3
_MATCHED, _FETCHED, _ENCODED = 5.0, 90.0, 97.0
_MATCH_PHASE: Final = "match"
_FETCH_PHASE: Final = "download"
_STORE_PHASE: Final = "store"
_OF_THE_FILE: Final = (SourceError, InputError, DownloadedFileInvalid)
"""What another file, or the same one fetched again, may not suffer from."""
_BROKEN_OFF: Final = (ServiceUnavailable, DownloadedFileInvalid, UnreadableAudio, EmptyAudio)

log = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Choice:
    """Where to fetch the song from, and why from there."""

    source: Mapping[str, Any]
    judged: Judged | None = None


@dataclass(slots=True)
class DownloadHandler:
    """Runs jobs of the kind download."""

    intake: Intake
    tracks: Tracks
    results: Results
    children: ChildPool
    client: GuardedClient

    def run(self, job: Job, attempt: Attempt) -> Outcome:
        """Bring one song, from the next best place where the best one fails."""
        track = self.tracks.find(None, job.request["track_id"])
        attempt.report(_MATCH_PHASE, 0)
        judged = [] if job.request["source"] else self._judged(track, attempt)
        choices = _choices(job, track, judged)
        for left, choice in zip(reversed(range(len(choices))), choices, strict=True):
            try:
                song, duration_s = self._brought(job, track, choice, attempt)
            except _OF_THE_FILE as error:
                if not left or not _worth_another(job, error):
                    raise
                log.warning("download fails, tried again", code=error.code, reason=error.message)
            else:
                return self._outcome(job, track, song, duration_s, choice, judged)
        raise AssertionError("unreachable")

    def discard(self, job: Job, attempt: int) -> None:
        """Delete what an attempt stored; the folder on this machine may be another one's."""
        self.results.discard_attempt(job, attempt)

    def leave(self, job: Job) -> None:
        """Keep the song alone, and not the one it replaced."""
        self.intake.leave(job)
        audio = job.facts.get("audio") if job.status == "completed" else None
        self.results.keep_only(job, [audio["key"]] if audio else [])
        self.tracks.tidy()

    # ------------------------------------------------------------------------------------ find

    def _judged(self, track: Track, attempt: Attempt) -> list[Judged]:
        """Everything found, the likeliest first; the code is asked for if the name is not sure."""
        wanted = _wanted(track)
        found = list(_found(self.intake.youtube, wanted.query, by_code=False))
        judged = ranked(wanted, found)
        attempt.check()
        if wanted.isrc is None or (judged and judged[0].is_sure):
            return judged
        found += _found(self.intake.youtube, f'"{wanted.isrc}"', by_code=True)
        return ranked(wanted, found)

    # ----------------------------------------------------------------------------------- bring

    def _brought(
        self, job: Job, track: Track, choice: _Choice, attempt: Attempt
    ) -> tuple[Path, float]:
        attempt.report(_FETCH_PHASE, _MATCHED)
        folder = self.intake.workplace(job)
        # whatever an earlier attempt fetched may be another video
        shutil.rmtree(folder / "source", ignore_errors=True)
        share = _FETCHED - _MATCHED
        raw = self.intake.bring(
            replace(job, request={**job.request, "source": choice.source}),
            lambda fraction: attempt.report(_FETCH_PHASE, _MATCHED + fraction * share),
            attempt,
        )
        attempt.check()
        return self._encoded(job, track, raw, attempt)

    def _encoded(self, job: Job, track: Track, raw: Path, attempt: Attempt) -> tuple[Path, float]:
        kind = KINDS[_quality(job)]
        folder = raw.parent.parent / f"encoded-{job.attempt}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        song = folder / f"audio{kind.extension}"
        cover = fetch_cover(self.client, track.album_art_url, folder / "cover")
        work = EncodingWork(
            song=str(raw),
            output=str(song),
            quality=_quality(job),
            tags=_tags(track),
            cover=str(cover) if cover else None,
            max_duration_s=self.intake.limits.max_s,
        )
        try:
            done = self.children.ask(
                ENCODE,
                {"name": track.title, "work": work.plain()},
                progress=lambda phase, f: attempt.report(
                    phase, _FETCHED + f * (_ENCODED - _FETCHED)
                ),
                cancelled=attempt.cancelled,
            )
        except StemwrightError:
            # at once: on a full disk the job's end cannot be written before there is room
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self.intake.limits.check(track.title, done["duration_s"])
        attempt.report(_STORE_PHASE, _ENCODED)
        return song, done["duration_s"]

    def _outcome(
        self,
        job: Job,
        track: Track,
        song: Path,
        duration_s: float,
        choice: _Choice,
        judged: Sequence[Judged],
    ) -> Outcome:
        [stored] = self.results.store(job, track.title, [("audio", song)])
        path = library_path(track.id, track.artist, track.title, song.suffix)
        audio = Audio(stored.key, path, stored.content_type, stored.size_bytes, duration_s)
        facts: dict[str, Any] = {"audio": audio_facts(audio), "duration_s": duration_s}
        if choice.judged is not None:
            facts["match"] = choice.judged.told()
            facts["candidates"] = [it.told() for it in judged]
        result = {"output_path": f"/files/{path}", "file_size": stored.size_bytes}
        # the files are the library's and not the job's: they do not expire with it
        return Outcome(facts=facts, result=result, charged=0)


def _choices(job: Job, track: Track, judged: Sequence[Judged]) -> list[_Choice]:
    if job.request["source"]:
        return [_Choice(job.request["source"])] * MOST_ATTEMPTS
    good = accepted(_wanted(track), judged)
    return [_Choice({"youtube": it.candidate.video_id}, it) for it in good[:MOST_ATTEMPTS]]


def _worth_another(job: Job, error: StemwrightError) -> bool:
    """Whether fetching again may help; of a match it is another video that is fetched."""
    source = job.request["source"]
    return not source or ("key" not in source and isinstance(error, _BROKEN_OFF))


def _found(youtube: YouTube, words: str, *, by_code: bool) -> Iterator[Candidate]:
    for hit in youtube.search(words):
        yield _candidate(hit, by_code=by_code)


def _candidate(hit: VideoHit, *, by_code: bool) -> Candidate:
    return Candidate(
        video_id=hit.video_id,
        title=hit.title,
        channel=hit.channel_name,
        duration_s=hit.duration_s,
        is_live=hit.is_live,
        by_code=by_code,
    )


def _wanted(track: Track) -> Wanted:
    return Wanted(
        title=track.title,
        artist=track.artist,
        duration_s=track.duration_s,
        isrc=track.isrc,
    )


def _tags(track: Track) -> dict[str, str]:
    texts = {"title": track.title, "artist": track.artist, "album": track.album}
    return {name: text for name, text in texts.items() if text}


def _quality(job: Job) -> Quality:
    quality: Quality = job.request["quality"]
    return quality
