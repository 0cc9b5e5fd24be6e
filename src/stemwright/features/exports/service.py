"""What an account may take home of its tracks, as files that are yet to be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from stemwright.errors import (
    NoStems,
    StemsUnreadable,
    StorageError,
    StorageMissing,
    StorageUnreachable,
    UnknownStemFile,
)
from stemwright.features.tracks.service import Tracks
from stemwright.features.tracks.track import Stem, Track
from stemwright.kit import logs
from stemwright.kit.clock import utc_now
from stemwright.storage.base import Storage, StoredObject

from .archive import Archive, Entry, Read
from .checksums import Checksums
from .naming import clean_title, extension_of
from .paths import checked_path

_FEATURES: Final = (
    "tempo",
    "key",
    "energy",
    "zero_crossing_rate",
    "spectral_centroid",
    "spectral_rolloff",
)
_log: Final = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file that is sent when it is asked for; nothing of it has been read."""

    file_name: str
    content_type: str
    size_bytes: int
    etag: str
    modified_at: datetime | None
    """None where the tag alone tells."""
    read: Read


@dataclass(frozen=True, slots=True)
class ExportedDocument:
    """A document of JSON."""

    file_name: str
    content: Mapping[str, Any]


class Exports:
    """Finds what is asked for, for its owner alone.

    Every method raises `UnknownTrack` or the like for what is not there, and `AccessDenied`.
    """

    def __init__(
        self,
        tracks: Tracks,
        storage: Storage,
        checksums: Checksums | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._tracks = tracks
        self._storage = storage
        self._checksums = checksums or Checksums(storage)
        self._clock = clock

    def stem(self, owner: str, stem_id: str) -> ExportedFile:
        """One stem, called after what it is."""
        stem = self._tracks.stem(owner, stem_id)
        name = f"{stem.stem_type}{extension_of(stem.key)}"
        try:
            return self._stored(stem.key, name, stem.content_type)
        except StorageMissing as error:
            raise UnknownStemFile(stem_id) from error

    def stems(
        self, owner: str, track_id: str, stopped: Callable[[], bool] = lambda: False
    ) -> ExportedFile:
        """All stems of a track in one ZIP archive, of each type the newest.

        Those that cannot be read are left out, which is why each is read once before the first
        byte is sent: see `Checksums`.

        Raises
        ------
        NoStems, StemsUnreadable, StorageUnreachable
        Cancelled
            ``stopped()`` was true before that was done.

        """
        title = clean_title(self._tracks.find(owner, track_id).title)
        stems = sorted(self._tracks.stems(owner, track_id), key=lambda stem: stem.stem_type)
        if not stems:
            raise NoStems(f"Track {track_id} has no stems. Separate it first.")
        found = [self._entry(title, stem, stopped) for stem in stems]
        entries = [entry for entry in found if entry is not None]
        if not entries:
            raise StemsUnreadable(f"No stem of track {track_id} can be read. Separate it again.")
        archive = Archive(entries)
        return ExportedFile(
            f"{title}_stems.zip",
            "application/zip",
            archive.size_bytes,
            archive.etag,
            None,
            archive.read,
        )

    def analysis(self, owner: str, track_id: str) -> ExportedDocument:
        """The newest analysis of a track.

        Raises
        ------
        NoAnalysis

        """
        track = self._tracks.find(owner, track_id)
        found = self._tracks.analysis(owner, track_id).result
        name = f"{clean_title(track.title)}_analysis.json"
        return ExportedDocument(name, _analysis(track, found, self._clock()))

    def file(self, owner: str, path: str) -> ExportedFile:
        """What a path such as ``stems/<job id>/vocals.wav`` means.

        Raises
        ------
        PathRefused, StorageMissing

        """
        found = self._tracks.file_at(owner, checked_path(path))
        return self._stored(found.key, found.name, found.content_type)

    def _stored(self, key: str, name: str, content_type: str) -> ExportedFile:
        found = self._storage.stat(key)
        if found is None:
            raise StorageMissing(f"The file {name} is not here any more.")
        read = partial(self._storage.read, key)
        size, etag, modified = found.size_bytes, found.etag, found.modified_at
        return ExportedFile(name, content_type, size, etag, modified, read)

    def _entry(self, title: str, stem: Stem, stopped: Callable[[], bool]) -> Entry | None:
        name = f"{title} - {stem.stem_type}{extension_of(stem.key)}"
        try:
            found = self._storage.stat(stem.key)
            return None if found is None else self._readable(name, found, stopped)
        except StorageUnreachable:
            raise  # of all stems, and not for long
        except StorageError as error:
            _log.warning("export.stem_unreadable", stem=stem.id, reason=error.message)
            return None

    def _readable(self, name: str, found: StoredObject, stopped: Callable[[], bool]) -> Entry:
        crc32 = self._checksums.of(found, stopped)
        read = partial(self._storage.read, found.key)
        return Entry(name, found.size_bytes, crc32, found.etag, read)


def _analysis(track: Track, found: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    duration_ms = None if track.duration_s is None else track.duration_s * 1000
    return {
        "track_id": track.id,
        "title": track.title,
        "artist": track.artist,
        "analysis": {name: found.get(name) for name in _FEATURES}
        | {"features": found.get("features") or {}},
        "track": {
            "id": track.id,
            "title": track.title,
            "artist": track.artist,
            "album": track.album,
            "duration_ms": duration_ms,
        },
        "exported_at": now.isoformat().replace("+00:00", "Z"),
    }
