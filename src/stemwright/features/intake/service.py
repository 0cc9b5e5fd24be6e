"""From what a client names to a job that is paid for, and in the worker to a file on disk."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy.orm import Session

from stemwright.db.database import Database
from stemwright.errors import (
    IdempotencyConflict,
    InsufficientCredits,
    OptionError,
    StemwrightError,
    StorageError,
    StorageMissing,
    UploadInUse,
    UploadNotFound,
)
from stemwright.features.credits.service import Credits
from stemwright.features.imports.remote import RemoteFiles
from stemwright.features.imports.soundcloud import SoundCloud
from stemwright.features.imports.youtube import YouTube
from stemwright.features.uploads.service import Uploads
from stemwright.jobs.attempt import Attempt
from stemwright.jobs.job import Idempotency, Job
from stemwright.jobs.service import Jobs, NewJob
from stemwright.kit.clock import utc_now
from stemwright.kit.ids import new_id
from stemwright.storage.base import Storage
from stemwright.storage.patience import patiently

from .songs import Limits, Probe, Taken, is_length_unknown, whole_seconds

CREATE_BUDGET_S: Final = 10.0
"""Clients repeat a create call that is not answered in 30 s; this leaves them room."""
_COUNTED_WITHIN_S: Final = 3.0
"""A file that came this fast can be decoded for its length and the answer still be in time."""
KEPT_FOLDER: Final = "sources"
_BATCH: Final = 500
_CLAIMED_TOO_LITTLE_S: Final = 1

Fraction = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """The part of an order that is the same whatever is to be done with the song."""

    upload_key: str | None = None
    source_url: str | None = None
    file_name: str | None = None


@dataclass(slots=True)
class Intake:
    """What every kind of job needs before and around its own work."""

    database: Database
    jobs: Jobs
    credits: Credits
    uploads: Uploads
    storage: Storage
    remote: RemoteFiles
    youtube: YouTube
    soundcloud: SoundCloud
    probe: Probe
    scratch: Path
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], datetime] = utc_now

    # ---------------------------------------------------------------- in the request

    def take(self, owner: str, wish: Wish) -> Taken:
        """Look at the song that a client names.

        Raises
        ------
        OptionError
            Neither or both of an upload and a URL are named.
        UploadError, SourceError, InputError
            It cannot be had or used.

        """
        if wish.upload_key is not None and wish.source_url is None:
            return self._uploaded(owner, wish.upload_key, wish.file_name)
        if wish.source_url is not None and wish.upload_key is None:
            return self._linked(wish.source_url, wish.file_name)
        raise OptionError("Exactly one of uploadKey and sourceUrl is needed.")

    def place(
        self,
        owner: str,
        kind: str,
        request: Mapping[str, Any],
        facts: Mapping[str, Any],
        cost: int,
        idempotency: Idempotency | None = None,
        upload_key: str | None = None,
    ) -> Job:
        """Create the job, hold its credits and enqueue it: all of it or nothing.

        Raises
        ------
        InsufficientCredits
        IdempotencyConflict
        UploadNotFound, UploadInUse
            The upload was swept, or sent anew, while its song was looked at.

        """
        new = NewJob(
            kind=kind,
            owner=owner,
            request=request,
            facts=facts,
            cost=cost,
            idempotency=idempotency,
        )
        try:
            return self._placed(new, upload_key)
        except IdempotencyConflict:
            self._forget(request["source"])
            # the same request twice at once: the other one has made the job
            earlier = self.jobs.replayed(owner, idempotency)
            if earlier is None:
                raise
            return earlier
        except StemwrightError:
            self._forget(request["source"])
            raise

    def _placed(self, new: NewJob, upload_key: str | None) -> Job:
        with self.database.transaction() as session:
            if upload_key is not None:
                self.claim(session, new.owner, upload_key, new.request["source"])
            job = self.jobs.create(session, new)
            self.credits.hold(session, new.owner, job.id, new.cost)
            return job

    def claim(
        self, session: Session, owner: str, upload_key: str, source: Mapping[str, str]
    ) -> None:
        """Take an upload for a job, if it is still the file that `take` looked at: its ``source``.

        Raises
        ------
        UploadNotFound, UploadInUse

        """
        upload = self.uploads.claim(session, owner, upload_key)
        if upload.storage_key != source["key"]:
            raise UploadInUse(
                f"The file of {upload.file_name} was sent anew while it was looked at; "
                "create the job again."
            )

    def _forget(self, source: Mapping[str, str]) -> None:
        """Delete what was kept for a job that is not made; an upload may serve for another."""
        if "key" in source and "upload" not in source:
            with contextlib.suppress(StorageError):  # the sweep finds it
                self.storage.delete([source["key"]])

    def _uploaded(self, owner: str, upload_key: str, file_name: str | None) -> Taken:
        with self.database.reading() as session:
            upload = self.uploads.find(session, owner, upload_key)
        name = file_name or upload.file_name
        with self._folder() as folder:
            path = Path(folder) / f"input{Path(upload.storage_key).suffix}"
            try:
                self.storage.fetch(upload.storage_key, path)
            except StorageMissing as error:  # lost; whoever has the song can send it again
                raise UploadNotFound(f"The file of {name} is gone; upload it again.") from error
            duration_s = self.probe(path, name=name)
        self.limits.check(name, duration_s)
        return Taken(
            {"upload": upload_key, "key": upload.storage_key},
            name,
            None if duration_s is None else whole_seconds(duration_s),
            upload.size_bytes,
        )

    def _linked(self, url: str, file_name: str | None) -> Taken:
        begun = time.monotonic()
        facts = self.remote.inspect(url, CREATE_BUDGET_S)
        source: dict[str, str] = {"url": facts.url}
        name, duration_s = file_name or facts.file_name, facts.duration_s
        try:
            if duration_s is None and facts.kept and time.monotonic() - begun < _COUNTED_WITHIN_S:
                duration_s = self.probe(facts.kept, name=name)
            self.limits.check(name, duration_s)
            if facts.kept is not None:
                source = {"key": self._kept(facts.kept)}
        finally:
            if facts.kept is not None:
                facts.kept.unlink(missing_ok=True)
        return Taken(
            source,
            name,
            None if duration_s is None else whole_seconds(duration_s),
            facts.size_bytes,
        )

    def _kept(self, path: Path) -> str:
        """Keep what was fetched whole: a link may work once only."""
        key = f"{KEPT_FOLDER}/{new_id('src')}/input{path.suffix}"
        self.storage.put_file(key, path, content_type="application/octet-stream")
        return key

    def _folder(self) -> tempfile.TemporaryDirectory[str]:
        self.scratch.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=self.scratch, prefix="probe-")

    # ----------------------------------------------------------------- in the worker

    def workplace(self, job: Job) -> Path:
        """Folder of this machine in which attempts at a job find what earlier ones fetched."""
        folder = self.scratch / job.id
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def bring(self, job: Job, progress: Fraction, attempt: Attempt) -> Path:
        """Get the song, unless an earlier attempt on this machine already has."""
        folder = self.workplace(job) / "source"
        found = _only_file(folder)
        if found is not None:
            return found
        incoming = self.workplace(job) / f"incoming-{job.attempt}"
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir()
        path = self._fetched(job.request["source"], incoming, progress, attempt)
        shutil.rmtree(folder, ignore_errors=True)
        incoming.rename(folder)  # whole or not at all
        return folder / path.name

    def price(
        self, job: Job, name: str, duration_s: float, limits: Limits | None = None
    ) -> int | None:
        """What a song costs whose length has now been counted; None for what was agreed.

        Raises
        ------
        AudioTooShort, AudioTooLong
            Nobody could tell the length when the job was created, and it is out of bounds.
        InsufficientCredits
            The file claimed less, and the difference cannot be paid. Otherwise a file that claims
            five seconds would buy an hour; headers are easily made to lie.

        """
        cost = whole_seconds(duration_s)
        if is_length_unknown(job):
            (limits or self.limits).check(name, duration_s)
            return cost
        claimed = job.facts.get("duration_s")
        if claimed is None or cost <= claimed + _CLAIMED_TOO_LITTLE_S:
            return None
        with self.database.reading() as session:
            left = self.credits.balance(session, job.owner).seconds
        if left < cost - job.cost:
            raise InsufficientCredits(
                f"The song lasts {cost} seconds and not {claimed}, as its file says; the account "
                "has too few credits for it.",
                required_seconds=cost,
            )
        return cost

    def leave(self, job: Job) -> None:
        """Remove what a job has on this machine."""
        shutil.rmtree(self.scratch / job.id, ignore_errors=True)

    def sweep(self, older_than: timedelta) -> int:
        """Delete what was left on this machine and in storage by jobs long gone."""
        before = self.clock() - older_than
        kept = [it.key for it in self.storage.list(KEPT_FOLDER) if it.modified_at < before]
        removed = sum(self._sweep_kept(batch) for batch in _batches(kept))
        found = list(self.scratch.iterdir()) if self.scratch.is_dir() else []
        left = [path for path in found if path.stat().st_mtime < before.timestamp()]
        for path in left:
            _remove(path)
        return removed + len(left)

    def _sweep_kept(self, keys: Sequence[str]) -> int:
        with self.database.reading() as session:
            unused = set(keys) - self.jobs.sources_in_use(session, "key", keys)
        self.storage.delete(unused)
        return len(unused)

    def _fetched(
        self, source: Mapping[str, str], folder: Path, progress: Fraction, attempt: Attempt
    ) -> Path:
        def told(fraction: float | None) -> None:
            attempt.check()
            if fraction is not None:
                progress(fraction)

        match source:
            case {"key": key}:
                path = folder / f"input{Path(key).suffix}"
                patiently(lambda: self.storage.fetch(key, path))
                return path
            case {"url": url}:
                return self.remote.fetch(url, folder, told)
            case {"youtube": video}:
                return self.youtube.download(video, folder, told)
            case {"soundcloud": track}:
                return self.soundcloud.download(track, folder, told)
            case _:
                raise OptionError(f"A source of an unknown kind: {', '.join(source)}.")


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut into pieces that a statement takes as its parameters."""
    for first in range(0, len(keys), _BATCH):
        yield keys[first : first + _BATCH]


def _only_file(folder: Path) -> Path | None:
    files = list(folder.iterdir()) if folder.is_dir() else []
    return files[0] if len(files) == 1 else None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
