"""The library: whose tracks there are, and the audio, stems and analyses that jobs add to them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stemwright.db.database import Database
from stemwright.errors import (
    AccessDenied,
    AudioNotReady,
    NoAnalysis,
    StorageMissing,
    UnknownStemFile,
    UnknownTrack,
)
from stemwright.features.spotify.facts import TrackFacts
from stemwright.kit.clock import utc_now
from stemwright.kit.ids import is_uuid, new_uuid
from stemwright.storage.base import Storage
from stemwright.storage.patience import patiently

from . import repository
from .rows import analysis_of, stem_of, stem_row, track_of
from .tables import LONGEST_TITLE, AnalysisRow, TrackRow
from .track import Audio, LibraryFile, NewTrack, Stem, Track, TrackAnalysis, TrackPage

REPLACED_KEPT: Final = timedelta(hours=1)
"""Whoever is downloading files that are replaced meanwhile, or works on them, comes to an end."""
_BATCH: Final = 500
_UPSERTED_AT_ONCE: Final = 50
_LONGEST_PATH: Final = 512
_LONGEST_TEXT: Final = 1000
"""Of all artists of a song together, or an album; they go into file tags and every answer."""


@dataclass(slots=True)
class Tracks:
    """Everything kept of tracks. A track is its owner's alone."""

    database: Database
    storage: Storage
    clock: Callable[[], datetime] = utc_now

    # ------------------------------------------------------------------------------ to the library

    def upsert(self, session: Session, owner: str, facts: TrackFacts) -> Track:
        """Make the track of a song on Spotify, or bring it up to date where there is one."""
        row = self._found_or_made(
            session,
            lambda: repository.of_spotify(session, owner, facts.spotify_id),
            lambda: self._row(
                owner, source="spotify", spotify_id=facts.spotify_id, title=_title(facts.title)
            ),
        )
        for name, value in _described(facts).items():
            setattr(row, name, value)
        row.updated_at = self.clock()
        session.flush()
        return track_of(row)

    def upsert_all(self, owner: str, songs: Sequence[TrackFacts]) -> list[Track]:
        """Upsert the songs of an album or playlist, in their order; no transaction is open.

        In several transactions: on SQLite one long one would keep everybody else from writing.
        """
        made: list[Track] = []
        for first in range(0, len(songs), _UPSERTED_AT_ONCE):
            with self.database.transaction() as session:
                some = songs[first : first + _UPSERTED_AT_ONCE]
                made += [self.upsert(session, owner, facts) for facts in some]
        return made

    def create(self, session: Session, owner: str, new: NewTrack) -> Track:
        """Make a track of something from elsewhere; a video in the library is found again."""
        described = {**asdict(new), "title": _title(new.title), "artist": _text(new.artist)}
        return track_of(
            self._found_or_made(
                session,
                lambda: repository.of_source(session, owner, new.source, new.source_ref),
                lambda: self._row(owner, **described),
            )
        )

    def lock(self, session: Session, track_id: str) -> Track:
        """Read a track that nobody else changes until the transaction ends.

        Raises
        ------
        UnknownTrack

        """
        row = repository.locked_track(session, track_id)
        if row is None:
            raise UnknownTrack(track_id)
        return track_of(row)

    # ------------------------------------------------------------------------------ of the library

    def find(self, owner: str | None, track_id: str) -> Track:
        """Read a track; with an owner, only his.

        Raises
        ------
        UnknownTrack, AccessDenied

        """
        with self.database.reading() as session:
            row = repository.track(session, track_id) if is_uuid(track_id) else None
        if row is None:
            raise UnknownTrack(track_id)
        if owner is not None and row.owner != owner:
            raise AccessDenied("the track")
        return track_of(row)

    def of_spotify(self, owner: str, spotify_id: str) -> Track | None:
        """The owner's track of a song on Spotify."""
        with self.database.reading() as session:
            row = repository.of_spotify(session, owner, spotify_id)
        return None if row is None else track_of(row)

    def audio(self, owner: str | None, track_id: str) -> Audio:
        """The song itself.

        Raises
        ------
        UnknownTrack, AccessDenied, AudioNotReady

        """
        track = self.find(owner, track_id)
        if track.audio is None:
            raise AudioNotReady
        return track.audio

    def fetch_audio(self, owner: str | None, track_id: str, folder: Path) -> Path:
        """Copy the song into a folder, which is emptied or made; for a worker.

        Raises
        ------
        UnknownTrack, AccessDenied, AudioNotReady, StorageError

        """
        audio = self.audio(owner, track_id)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        song = folder / f"song{Path(audio.key).suffix}"
        patiently(lambda: self.storage.fetch(audio.key, song))
        return song

    def page(self, owner: str, limit: int = 50, offset: int = 0) -> TrackPage:
        """Read a part of a library, newest first."""
        with self.database.reading() as session:
            rows, total = repository.page(session, owner, limit, offset)
        return TrackPage(tuple(track_of(row) for row in rows), total)

    def stem(self, owner: str, stem_id: str) -> Stem:
        """Read one stem.

        Raises
        ------
        UnknownStemFile, AccessDenied

        """
        with self.database.reading() as session:
            row = repository.stem(session, stem_id) if is_uuid(stem_id) else None
            if row is None:
                raise UnknownStemFile(stem_id)
            self._require(session, owner, row.track_id, "the stem")
        return stem_of(row)

    def stems(self, owner: str, track_id: str) -> list[Stem]:
        """The newest stem of each type; one of a preview only where there is no other.

        Raises
        ------
        UnknownTrack, AccessDenied

        """
        self.find(owner, track_id)
        with self.database.reading() as session:
            found = [stem_of(row) for row in repository.stems_of(session, track_id)]
        newest: dict[str, Stem] = {}
        for stem in sorted(found, key=lambda stem: stem.is_preview):
            newest.setdefault(stem.stem_type, stem)
        return list(newest.values())

    def stems_of_job(self, job_id: str) -> list[Stem]:
        """The stems a job made, as far as nothing has replaced them."""
        with self.database.reading() as session:
            return [stem_of(row) for row in repository.stems_of_job(session, job_id)]

    def analysis(self, owner: str, track_id: str) -> TrackAnalysis:
        """What was found out last.

        Raises
        ------
        UnknownTrack, AccessDenied, NoAnalysis

        """
        self.find(owner, track_id)
        with self.database.reading() as session:
            row = repository.newest_analysis(session, track_id)
        if row is None:
            raise NoAnalysis(f"Track {track_id} has not been analysed.")
        return analysis_of(row)

    def file_at(self, owner: str, path: str) -> LibraryFile:
        """The file that users see at ``downloads/<track>/<name>`` or ``stems/<job>/<name>``.

        Raises
        ------
        StorageMissing, AccessDenied

        """
        if len(path) > _LONGEST_PATH or "\0" in path:  # PostgreSQL takes no NUL in a text
            raise StorageMissing("There is no such file.")
        with self.database.reading() as session:
            stem = repository.stem_at(session, path)
            if stem is not None:
                self._require(session, owner, stem.track_id, "the file")
                return LibraryFile(stem.key, _name(path), stem.content_type, stem.size_bytes)
        audio = self._audio_at(owner, path)
        return LibraryFile(audio.key, _name(path), audio.content_type, audio.size_bytes)

    def delete(self, owner: str, track_id: str) -> None:
        """Delete a track with all its files.

        Raises
        ------
        UnknownTrack, AccessDenied

        """
        track = self.find(owner, track_id)
        with self.database.transaction() as session:
            repository.locked_track(session, track_id)
            keys = [row.key for row in repository.stems_of(session, track_id)]
            keys += [track.audio.key] if track.audio else []
            repository.delete_track(session, track_id)
            self._let_go(session, keys, at_once=True)
        self.tidy()

    # ---------------------------------------------- in the transaction that ends a job, or another

    def set_audio(self, session: Session, track_id: str, audio: Audio) -> bool:
        """Note where a track's song is now, in place of an older one; false if it is deleted."""
        row = repository.locked_track(session, track_id)
        if row is None:
            self._let_go(session, [audio.key], at_once=True)
            return False
        if row.audio_key not in {None, audio.key}:
            self._let_go(session, [str(row.audio_key)])
        row.audio_key, row.audio_path = audio.key, audio.path
        row.audio_type, row.audio_bytes = audio.content_type, audio.size_bytes
        row.audio_duration_s, row.updated_at = audio.duration_s, self.clock()
        if row.duration_s is None and audio.duration_s is not None:
            row.duration_s = round(audio.duration_s)
        session.flush()
        return True

    def add_stems(self, session: Session, track_id: str, stems: Sequence[Stem]) -> bool:
        """Record stems, which replace those of earlier jobs; false if the track is deleted.

        What a user has edited stays, and a preview replaces nothing.
        """
        if repository.locked_track(session, track_id) is None:
            self._let_go(session, [stem.key for stem in stems], at_once=True)
            return False
        if any(stem.job_id is not None and not stem.is_preview for stem in stems):
            self._replace(session, track_id)
        now = self.clock()
        repository.add_stems(session, [stem_row(stem, now) for stem in stems])
        return True

    def put_analysis(
        self,
        session: Session,
        track_id: str,
        job_id: str,
        features: Sequence[str],
        result: Mapping[str, Any],
    ) -> bool:
        """Record what a job found out; false if the track is deleted."""
        if repository.locked_track(session, track_id) is None:
            return False
        row = AnalysisRow(
            job_id=job_id,
            track_id=track_id,
            features=list(features),
            result=dict(result),
            created_at=self.clock(),
        )
        repository.put_analysis(session, row)
        return True

    # ---------------------------------------------------------------------------------- upkeep

    def tidy(self) -> int:
        """Delete the files that nothing has referred to for a while; how many."""
        with self.database.reading() as session:
            keys = repository.leftovers(session, self.clock() - REPLACED_KEPT, _BATCH)
        if keys:
            self.storage.delete(keys)
            with self.database.transaction() as session:
                repository.drop_leftovers(session, keys)
        return len(keys)

    # --------------------------------------------------------------------------------- private

    def _found_or_made(
        self, session: Session, find: Callable[[], TrackRow | None], make: Callable[[], TrackRow]
    ) -> TrackRow:
        found = find()
        if found is not None:
            return found
        row = make()
        try:
            with session.begin_nested():
                repository.add_track(session, row)
        except IntegrityError:  # two requests at once: the other one has made it
            found = find()
            if found is None:
                raise
            return found
        return row

    def _row(self, owner: str, **values: str | int | None) -> TrackRow:
        now = self.clock()
        return TrackRow(id=new_uuid(), owner=owner, created_at=now, updated_at=now, **values)

    def _require(self, session: Session, owner: str, track_id: str, what: str) -> None:
        row = repository.track(session, track_id)
        if row is None or row.owner != owner:
            raise AccessDenied(what)

    def _audio_at(self, owner: str, path: str) -> Audio:
        folder, _, rest = path.partition("/")
        try:
            audio = self.audio(owner, rest.partition("/")[0])
        except (UnknownTrack, AudioNotReady):
            audio = None
        if folder != "downloads" or audio is None or audio.path != path:
            raise StorageMissing("There is no such file.")
        return audio

    def _let_go(self, session: Session, keys: Sequence[str], *, at_once: bool = False) -> None:
        """Have files deleted, by and by or with the next round."""
        now = self.clock()
        repository.add_leftovers(session, keys, now - REPLACED_KEPT if at_once else now)

    def _replace(self, session: Session, track_id: str) -> None:
        former = [row for row in repository.stems_of(session, track_id) if row.source != "edited"]
        self._let_go(session, [row.key for row in former])
        repository.delete_stems(session, [row.id for row in former])


def _described(facts: TrackFacts) -> dict[str, Any]:
    return {
        "spotify_url": facts.spotify_url,
        "isrc": facts.isrc,
        "title": _title(facts.title),
        "artist": _text(facts.artist),
        "album": _text(facts.album),
        "album_art_url": facts.album_art_url,
        "duration_s": facts.duration_s,
    }


def _title(title: str) -> str:
    return (_text(title) or "")[:LONGEST_TITLE].strip() or "Untitled"


def _text(text: str | None) -> str | None:
    """What every database and file takes: no control characters and no halves of characters."""
    if text is None:
        return None
    whole = text.encode("utf-8", "ignore").decode()
    shown = " ".join("".join(c if c.isprintable() else " " for c in whole).split())
    return shown[:_LONGEST_TEXT].strip() or None


def _name(path: str) -> str:
    return path.rpartition("/")[2]
