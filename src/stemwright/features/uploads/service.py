"""Uploads: a signed address, the file that comes to it, the jobs that use it, and its removal."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from stemwright.db.database import Database
from stemwright.errors import (
    QuotaExceeded,
    StemwrightError,
    StorageError,
    UploadEmpty,
    UploadInUse,
    UploadNotFound,
    UploadTooLarge,
)
from stemwright.kit.clock import utc_now
from stemwright.kit.ids import new_id
from stemwright.storage.base import Storage, is_key
from stemwright.storage.signing import Grant, UrlSigner

from . import repository
from .formats import CONTENT_TYPES, bare_name, extension_of, shortened
from .receiving import Receiving
from .tables import UploadRow

InUse = Callable[[Session, Sequence[str]], Collection[str]]
"""Which of these upload keys unfinished jobs still need."""

FOLDER: Final = "uploads"
SENT_WITHIN: Final = timedelta(minutes=15)
"""How long the address for sending is good."""
USED_WITHIN: Final = timedelta(hours=24)
"""How long jobs may be made of an upload."""
_LONGEST_SENDING: Final = timedelta(hours=1)
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """Where to send a file, and how to name it afterwards."""

    upload_url: str
    upload_key: str
    expires_at: datetime
    max_file_size_bytes: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came."""

    key: str
    storage_key: str
    """Of the object in storage, which nobody will change."""
    file_name: str
    """As the client called it."""
    content_type: str
    size_bytes: int


def _none_in_use(_session: Session, _keys: Sequence[str]) -> Collection[str]:
    return ()


class Uploads:
    """Files of accounts on their way into jobs."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        signer: UrlSigner,
        *,
        max_file_bytes: int,
        quota_bytes: int,
        in_use: InUse = _none_in_use,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._storage = storage
        self._signer = signer
        self._max_bytes = max_file_bytes
        self._quota_bytes = quota_bytes
        self._in_use = in_use
        self._clock = clock

    def create(
        self, owner: str, file_name: str, content_type: str | None, base_url: str
    ) -> UploadTicket:
        """Hand out an address for a file. The type follows from its name, not from the client.

        Raises
        ------
        UnsupportedFormat
            Files of this extension are not taken.
        QuotaExceeded
            There is no room for one more byte.

        """
        name = bare_name(file_name)
        extension = extension_of(name)
        row = UploadRow(
            key=f"{FOLDER}/{new_id('api')}/input.{extension}",
            owner=owner,
            file_name=shortened(name),
            content_type=CONTENT_TYPES[extension],
            created_at=self._clock(),
        )
        row.expires_at = row.created_at + USED_WITHIN
        with self._database.transaction() as session:
            self._room(session, row)
            session.add(row)
        return self._ticket(row, base_url)

    def receive(self, key: str, size_bytes: int | None) -> Receiving:
        """Begin to take the file sent to an address, of as many bytes as the client says.

        Raises
        ------
        UploadNotFound, UploadInUse, UploadTooLarge, UploadEmpty, QuotaExceeded
            Before anything was read.

        """
        if size_bytes is not None:
            self._check_size(size_bytes)
        with self._database.transaction() as session:
            row = _replaceable(repository.locked(session, key), key)
            room = self._room(session, row, size_bytes or 1)
            row.receiving_bytes = size_bytes or min(room, self._max_bytes)
            most, content_type = row.receiving_bytes, row.content_type
        folder, _, name = key.rpartition("/")
        storage_key = f"{folder}/{secrets.token_hex(8)}/{name}"
        try:
            writer = self._storage.writer(storage_key, content_type)
        except StorageError:
            self._give_up(key)
            raise
        return Receiving(
            writer,
            max_bytes=self._max_bytes,
            room_bytes=most,
            complete=lambda size: self._complete(key, storage_key, size),
            give_up=lambda: self._give_up(key),
        )

    def find(self, session: Session, owner: str, upload_key: str) -> Upload:
        """Look at an upload that a job may take; it may still be sent anew.

        Raises
        ------
        UploadNotFound
            Unknown, of another account, older than a day, or nothing was sent.

        """
        return _upload(self._sent(session, owner, upload_key))

    def claim(self, session: Session, owner: str, upload_key: str) -> Upload:
        """Take an upload for a job; from now on it cannot be sent anew. Errors as for `find`."""
        row = self._sent(session, owner, upload_key)
        row.claimed_at = self._clock()
        return _upload(row)

    def sweep(self, now: datetime) -> int:
        """Delete what no job can use any more, and say how much that was; may run twice at once."""
        return self._sweep_expired(now) + self._sweep_strays(now)

    def _sent(self, session: Session, owner: str, upload_key: str) -> UploadRow:
        row = repository.locked(session, upload_key) if is_key(upload_key) else None
        if row is None or row.owner != owner or row.storage_key is None:
            raise _not_found(upload_key)
        if self._clock() >= row.expires_at:
            raise _not_found(upload_key)
        return row

    def _ticket(self, row: UploadRow, base_url: str) -> UploadTicket:
        expires_at = row.created_at + SENT_WITHIN
        return UploadTicket(
            upload_url=self._signer.url(base_url, Grant(row.key, "PUT", expires_at)),
            upload_key=row.key,
            expires_at=expires_at,
            max_file_size_bytes=self._max_bytes,
            content_type=row.content_type,
        )

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise UploadTooLarge(self._max_bytes, size_bytes)
        if size_bytes == 0:
            raise UploadEmpty("The file sent has no bytes. Send the file itself as the body.")

    def _room(self, session: Session, row: UploadRow, wanted_bytes: int = 1) -> int:
        # On PostgreSQL two transactions at the same instant may both get the last room. It is a
        # guard against flooding, and what it guards is not worth a lock per account.
        waiting = repository.waiting_bytes(
            session,
            row.owner,
            receiving_since=self._clock() - _LONGEST_SENDING,
            besides=row.key,
        )
        room = self._quota_bytes - waiting
        if room < wanted_bytes:
            raise QuotaExceeded(
                f"Uploads that no job uses yet have {waiting} bytes, of {self._quota_bytes} "
                "allowed. Make jobs of them, or wait until they are deleted after a day."
            )
        return room

    def _complete(self, key: str, storage_key: str, size_bytes: int) -> None:
        """Let the object that has just come be the upload."""
        try:
            with self._database.transaction() as session:
                row = _replaceable(repository.locked(session, key), key)
                older, row.storage_key = row.storage_key, storage_key
                row.size_bytes, row.receiving_bytes = size_bytes, 0
        except StemwrightError:
            self._storage.delete([storage_key])
            raise
        if older:
            with suppress(StorageError):  # the sweep finds it
                self._storage.delete([older])

    def _give_up(self, key: str) -> None:
        with self._database.transaction() as session:
            if row := repository.locked(session, key):
                row.receiving_bytes = 0

    def _sweep_expired(self, now: datetime) -> int:
        removed, last = 0, ""
        while True:
            with self._database.reading() as session:
                rows = repository.expired(session, now, after=last, limit=_BATCH)
                needed = set(self._in_use(session, [row.key for row in rows]))
            if not rows:
                return removed
            last = rows[-1].key
            removable = [row for row in rows if row.key not in needed]
            # objects first: without its row, an object would be found only by listing them all
            self._storage.delete(row.storage_key for row in removable if row.storage_key)
            with self._database.transaction() as session:
                repository.remove(session, [row.key for row in removable])
            removed += len(removable)

    def _sweep_strays(self, now: datetime) -> int:
        """Delete objects of no upload: what a process left that died while it received them."""
        old = [
            found.key
            for found in self._storage.list(FOLDER)
            if found.modified_at <= now - USED_WITHIN
        ]
        removed = 0
        for first in range(0, len(old), _BATCH):
            batch = old[first : first + _BATCH]
            with self._database.reading() as session:
                strays = set(batch) - repository.known_objects(session, batch)
            self._storage.delete(strays)
            removed += len(strays)
        return removed


def _upload(row: UploadRow) -> Upload:
    assert row.storage_key is not None
    return Upload(row.key, row.storage_key, row.file_name, row.content_type, row.size_bytes)


def _replaceable(row: UploadRow | None, key: str) -> UploadRow:
    if row is None:
        raise _not_found(key)
    if row.claimed_at is not None:
        raise UploadInUse("A job uses this upload already. Ask for a new one to send another file.")
    return row


def _not_found(key: str) -> UploadNotFound:
    return UploadNotFound(
        f"There is no upload {key[:128]!r} to make a job of. Ask for an upload, send the file to "
        "its address, and use its key within 24 hours."
    )
