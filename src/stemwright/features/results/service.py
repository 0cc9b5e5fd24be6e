"""Bring the files of an attempt to storage, and take them away again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from stemwright.errors import StorageUnreachable
from stemwright.jobs.job import Artefact, Job
from stemwright.kit import logs
from stemwright.storage.base import Storage

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
_PAUSES_S: Final = (1.0, 3.0, 9.0, 27.0)

log = logs.get_logger(__name__)


@dataclass(slots=True)
class Results:
    """The files of jobs."""

    storage: Storage
    sleep: Callable[[float], None] = time.sleep

    def store(
        self, job: Job, song_name: str, files: Sequence[tuple[str, Path]]
    ) -> tuple[Artefact, ...]:
        """Upload named files of the attempt that ``job`` is; repeated, it replaces them."""
        return tuple(self._put(job, song_name, name, path) for name, path in files)

    def discard(self, artefacts: Iterable[Artefact]) -> None:
        """Delete files that no longer count."""
        self._patiently(lambda: self.storage.delete([artefact.key for artefact in artefacts]))

    def _put(self, job: Job, song_name: str, name: str, path: Path) -> Artefact:
        extension = path.suffix.lower()
        key = f"{FOLDER}/{job.id}/{job.attempt}/{name}{extension}"
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
        """Try again while the store cannot be reached; it may be restarting."""
        for pause in _PAUSES_S:
            try:
                return work()
            except StorageUnreachable as error:
                log.warning("storage not there", error=error.code)
                self.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # spreads workers
        return work()


def download_name(song_name: str, name: str, extension: str) -> str:
    """Under what name a browser saves a stem: ``Song (vocals).mp3``."""
    stem = PurePath(song_name).stem or "song"
    return f"{stem[:200]} ({name}){extension}"
