"""Downloads as jobs: a link or an upload in, a tagged song in the library out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from sqlalchemy.orm import Session

from stemwright.errors import (
    InvalidDownloadUrl,
    InvalidSpotifyUrl,
    InvalidYoutubeUrl,
    NotAudio,
    ServiceUnavailable,
    SourceError,
    SpotifyFailed,
)
from stemwright.features.imports.youtube import VideoFacts
from stemwright.features.intake.service import Intake, Wish
from stemwright.features.spotify.facts import Collection, TrackFacts, page_url
from stemwright.features.spotify.links import SpotifyLink, parse
from stemwright.features.spotify.service import Spotify
from stemwright.features.tracks.ordering import TrackJobs, TrackOrder
from stemwright.features.tracks.service import Tracks
from stemwright.features.tracks.track import Audio, NewTrack, Track
from stemwright.jobs.job import Job
from stemwright.kit import logs

from . import repository
from .quality import DEFAULT, Quality, parse_quality

DOWNLOAD: Final = "download"
_IN_ONE_TRANSACTION: Final = 20
_BETWEEN_TRANSACTIONS_S: Final = 0.05
"""SQLite lets nobody in whose waiting was not noticed, and who waits looks only now and then."""
_TOPIC: Final = " - Topic"

log = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ordered:
    """A track and the job that brings its song, which may have been there already."""

    job: Job
    track: Track


@dataclass(frozen=True, slots=True)
class Orders:
    """Everything one link was for, each track once."""

    items: tuple[Ordered, ...]
    collection: Collection | None = None
    """The album or playlist, where it was one."""


@dataclass(frozen=True, slots=True)
class _Song:
    """A song to order: on Spotify, or with where it is to be had."""

    known: TrackFacts | NewTrack
    source: Mapping[str, Any]
    facts: Mapping[str, Any]
    upload_key: str | None = None


@dataclass(slots=True)
class Downloads:
    """Creates download jobs; what they bring belongs to tracks."""

    tracks: Tracks
    track_jobs: TrackJobs
    intake: Intake
    spotify: Spotify
    chains: bool = False
    """Whether a download goes on to a separation and an analysis unless its order says."""

    def order(
        self, owner: str, url: str, quality: str = DEFAULT, *, chain: bool | None = None
    ) -> Orders:
        """Order what a link names: of Spotify, of YouTube, or an audio file.

        Raises
        ------
        InvalidQuality, InvalidDownloadUrl
        SpotifyNotConfigured, SpotifyFailed
        SourceError, InputError
            The video or file cannot be had or used.

        """
        wanted = parse_quality(quality)
        songs, collection = self._named(owner, url)
        items: dict[str, Ordered] = {}
        for first in range(0, len(songs), _IN_ONE_TRANSACTION):
            if first and self.tracks.database.is_sqlite:
                time.sleep(_BETWEEN_TRANSACTIONS_S)
            with self.tracks.database.transaction() as session:
                for song in songs[first : first + _IN_ONE_TRANSACTION]:
                    ordered = self._placed(session, owner, song, wanted, self._chained(chain))
                    items.setdefault(ordered.job.id, ordered)
        return Orders(tuple(items.values()), collection)

    def order_upload(
        self,
        owner: str,
        upload_key: str,
        quality: str = "lossless",
        *,
        title: str | None = None,
        artist: str | None = None,
        chain: bool | None = None,
    ) -> Ordered:
        """Make a track of an upload; called "Artist - Title" by its name unless told otherwise.

        Raises
        ------
        InvalidQuality, UploadError, InputError

        """
        wanted = parse_quality(quality)
        taken = self.intake.take(owner, Wish(upload_key=upload_key))
        named = _from_name(taken.file_name)
        new = NewTrack(
            source="upload",
            title=title or named.title,
            artist=artist or named.artist,
            duration_s=taken.duration_s,
        )
        song = _Song(new, taken.source, taken.facts, upload_key)
        with self.tracks.database.transaction() as session:
            return self._placed(session, owner, song, wanted, self._chained(chain))

    def find(self, owner: str, job_id: str) -> Job:
        """Read a download; raises `JobNotFound` or `AccessDenied`."""
        return self.track_jobs.find(owner, job_id, DOWNLOAD)

    def cancel(self, owner: str, job_id: str) -> Job:
        """Stop a download; raises also `JobStateConflict`."""
        return self.track_jobs.cancel(owner, job_id, DOWNLOAD)

    def job_ended(self, session: Session, job: Job) -> None:
        """Give the track its song, in the transaction that ends the job."""
        if job.kind == DOWNLOAD and job.status == "completed":
            self.tracks.set_audio(session, job.request["track_id"], Audio(**job.facts["audio"]))

    # --------------------------------------------------------------------------------- private

    def _chained(self, chain: bool | None) -> bool:
        return self.chains if chain is None else chain

    def _named(self, owner: str, url: str) -> tuple[Sequence[_Song], Collection | None]:
        try:
            link = parse(url)
        except InvalidSpotifyUrl:
            return [self._elsewhere(owner, url)], None
        found = self._on_spotify(owner, url, link if isinstance(link, SpotifyLink) else None)
        if isinstance(found, Collection):
            return [_Song(song, {}, {}) for song in found.tracks], found
        return [_Song(found, {}, {})], None

    def _on_spotify(
        self, owner: str, url: str, link: SpotifyLink | None
    ) -> TrackFacts | Collection:
        try:
            return self.spotify.fetch(url, owner=owner)
        except SpotifyFailed as error:
            kept = self._kept(owner, link)
            if kept is None:
                raise
            log.warning("spotify fails, its track is known", reason=error.message)
            return kept

    def _kept(self, owner: str, link: SpotifyLink | None) -> TrackFacts | None:
        if link is None or link.kind != "track":
            return None
        track = self.tracks.of_spotify(owner, link.spotify_id)
        return None if track is None else _facts_of(track, link.spotify_id)

    def _elsewhere(self, owner: str, url: str) -> _Song:
        try:
            video_id = self.intake.youtube.parse(url) if "youtu" in url.lower() else None
        except InvalidYoutubeUrl as error:
            raise InvalidDownloadUrl(error.message) from error
        if video_id is not None:
            return self._video(video_id)
        return self._link(owner, url)

    def _video(self, video_id: str) -> _Song:
        video = self.intake.youtube.lookup(video_id)
        return _Song(_from_video(video), {"youtube": video_id}, {})

    def _link(self, owner: str, url: str) -> _Song:
        if not url.lower().startswith(("http://", "https://")):
            raise InvalidDownloadUrl(_NO_LINK)
        try:
            taken = self.intake.take(owner, Wish(source_url=url))
        except ServiceUnavailable:
            raise
        except (SourceError, NotAudio) as error:
            raise InvalidDownloadUrl(f"{_NO_LINK} {error.message}") from error
        named = _from_name(taken.file_name)
        new = NewTrack(
            source="link",
            source_ref=hashlib.sha256(url.encode()).hexdigest(),
            title=named.title,
            artist=named.artist,
            duration_s=taken.duration_s,
        )
        return _Song(new, taken.source, taken.facts)

    def _placed(
        self,
        session: Session,
        owner: str,
        song: _Song,
        quality: Quality,
        chain: bool,
    ) -> Ordered:
        if song.upload_key is not None:
            self.intake.claim(session, owner, song.upload_key, song.source)
        track = self._track(session, owner, song.known)
        running = repository.running(session, owner, DOWNLOAD, track.id, quality)
        if running is not None:
            return Ordered(running, track)
        request = {"track_id": track.id, "quality": quality, "source": dict(song.source)}
        if chain:
            request["chain"] = {"track_title": track.title, "last": False}
        order = TrackOrder(kind=DOWNLOAD, owner=owner, request=request, facts=song.facts)
        return Ordered(self.track_jobs.place(session, order), track)

    def _track(self, session: Session, owner: str, known: TrackFacts | NewTrack) -> Track:
        if isinstance(known, NewTrack):
            made = self.tracks.create(session, owner, known)
        else:
            made = self.tracks.upsert(session, owner, known)
        # of two orders at once the second one sees the first one's job
        return self.tracks.lock(session, made.id)


_NO_LINK: Final = (
    "Invalid Spotify URL format: the link names nothing on Spotify or YouTube, and is no audio "
    "file."
)


@dataclass(frozen=True, slots=True)
class _Name:
    title: str
    artist: str | None


def _from_name(file_name: str) -> _Name:
    """Read ``Artist - Title.mp3``."""
    return _from_text(PurePosixPath(file_name).stem or file_name)


def _from_text(text: str) -> _Name:
    artist, dash, title = text.partition(" - ")
    return _Name(title.strip(), artist.strip()) if dash and title.strip() else _Name(text, None)


def _from_video(video: VideoFacts) -> NewTrack:
    named = _from_text(video.video_title)
    return NewTrack(
        source="youtube",
        source_ref=video.video_id,
        title=named.title,
        artist=named.artist or video.channel_name.removesuffix(_TOPIC) or None,
        album_art_url=video.video_thumbnail,
        duration_s=video.video_duration,
    )


def _facts_of(track: Track, spotify_id: str) -> TrackFacts:
    return TrackFacts(
        spotify_id=spotify_id,
        title=track.title,
        artist=track.artist or "",
        album=track.album,
        album_art_url=track.album_art_url,
        duration_s=track.duration_s or 0,
        spotify_url=track.spotify_url or page_url("track", spotify_id),
        isrc=track.isrc,
    )


def audio_facts(audio: Audio) -> dict[str, Any]:
    """A song as the job that brought it notes it."""
    return asdict(audio)
