"""Bring the files of an attempt to storage, and take them away again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemwright.jobs.job import Artefact, Job
from stemwright.storage.base import Storage
from stemwright.storage.patience import patiently

FOLDER: Final = "jobs"
_TYPES: Final = {
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp4": "audio/mp4",
    ".aac": "audio/aac",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".webm": "audio/webm",
}
_ENDINGS: Final = (*_TYPES, ".wma", ".aif", ".aiff")


@dataclass(slots=True)
class Results:
    """The files of jobs."""

    storage: Storage
    sleep: Callable[[float], None] = time.sleep
    folder: str = FOLDER

    def store(
        self, job: Job, song_name: str, files: Sequence[tuple[str, Path]]
    ) -> tuple[Artefact, ...]:
        """Upload named files of the attempt that ``job`` is; repeated, it replaces them."""
        return tuple(self._put(job, song_name, name, path) for name, path in files)

    def discard(self, artefacts: Iterable[Artefact]) -> None:
        """Delete files that no longer count."""
        keys = [artefact.key for artefact in artefacts]
        self._patiently(lambda: self.storage.delete(keys))

    def discard_attempt(self, job: Job, attempt: int) -> None:
        """Delete whatever one attempt at a job stored."""
        self._delete(f"{self.folder}/{job.id}/{attempt}", kept=frozenset())

    def keep_result(self, job: Job) -> None:
        """Delete whatever attempts at a job stored that is not its result."""
        self.keep_only(job, (it.key for it in job.artefacts))

    def keep_only(self, job: Job, keys: Iterable[str]) -> None:
        """Delete whatever attempts at a job stored under other keys than these."""
        self._delete(f"{self.folder}/{job.id}", kept=frozenset(keys))

    def _delete(self, folder: str, *, kept: frozenset[str]) -> None:
        def delete() -> None:
            found = [it.key for it in self.storage.list(folder) if it.key not in kept]
            if found:
                self.storage.delete(found)

        self._patiently(delete)

    def _put(self, job: Job, song_name: str, name: str, path: Path) -> Artefact:
        extension = path.suffix.lower()
        key = f"{self.folder}/{job.id}/{job.attempt}/{name}{extension}"
        content_type = _TYPES.get(extension, "application/octet-stream")
        self._patiently(
            lambda: self.storage.put_file(
                key,
                path,
                content_type=content_type,
                file_name=download_name(song_name, name, extension),
            )
        )
        return Artefact(name, key, content_type, path.stat().st_size)

    def _patiently(self, work: Callable[[], None]) -> None:
        patiently(work, self.sleep)


def download_name(song_name: str, name: str, extension: str) -> str:
    """Under what name a browser saves a stem: ``Song (vocals).mp3``."""
    return f"{_title(song_name)[:200].strip() or 'song'} ({name}){extension}"


def _title(song_name: str) -> str:
    """A file's name without folder and ending; that of a video, where a dot is a dot, as it is."""
    for ending in _ENDINGS:
        if song_name.lower().endswith(ending):
            return song_name[: -len(ending)].rpartition("/")[2]
    return song_name
