"""Objects as files in a folder, served by this service at signed addresses.

Not by the library behind `s3`, since its local store renames new files without having synced them:
after a power cut the database could know of objects that are empty.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from stemwright.errors import (
    OutputError,
    StorageError,
    StorageFull,
    StorageMissing,
    StorageUnreachable,
)
from stemwright.kit.clock import utc_now
from stemwright.kit.files import AtomicFiles

from .base import BLOCK_BYTES, StoredObject, checked, fetch_into, is_key
from .signing import Grant, UrlSigner

_PARTS: Final = ".parts"
"""Folder of objects on their way; no key starts with a dot."""
_WHOLE: Final = ".whole"
_STALE_S: Final = 3600.0
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_ATTEMPTS: Final = 10


class LocalStorage:
    """A folder. New objects appear whole, on the disk, and are never changed in place."""

    def __init__(self, root: Path, signer: UrlSigner) -> None:
        self._root = root
        self._signer = signer
        with _translated(str(root)):
            (root / _PARTS).mkdir(parents=True, exist_ok=True)
            _sweep(root / _PARTS)

    def put_file(
        self, key: str, path: Path, *, content_type: str, file_name: str | None = None
    ) -> None:
        """Copy a file into the folder; type and name are the address's to tell."""
        with path.open("rb") as file, self.writer(key, content_type) as writer:
            for block in iter(lambda: file.read(BLOCK_BYTES), b""):
                writer.write(block)
            writer.commit()

    def writer(self, key: str, content_type: str) -> _Writer:
        """Open a sink that puts the file in its place on commit."""
        self._require_there()
        return _Writer(self._root, self._path(key), key)

    def stat(self, key: str) -> StoredObject | None:
        """Look the file up."""
        with _translated(key):
            try:
                return _as_object(key, self._path(key).stat())
            except (FileNotFoundError, NotADirectoryError):
                self._require_there()
                return None

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Open the file at once, read it as blocks are asked for; see `Storage.read`."""
        with _translated(key):
            try:
                descriptor = os.open(self._path(key), os.O_RDONLY | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError) as error:
                self._require_there()
                raise StorageMissing(f"There is no object {key}, or no longer.") from error
        return _Blocks(key, descriptor, start, end)

    def fetch(self, key: str, path: Path) -> None:
        """Copy the file."""
        fetch_into(self.read(key), path)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove the files, and the folders they were the last of."""
        self._require_there()
        for key in keys:
            path = self._path(key)
            with _translated(key):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    path.unlink()
                _prune(path.parent, self._root)

    def list(self, folder: str = "") -> Iterator[StoredObject]:
        """Walk the folder."""
        self._require_there()
        top = self._path(folder.rstrip("/")) if folder else self._root
        for parent, folders, names in os.walk(top):
            folders[:] = [name for name in folders if name != _PARTS]
            for name in names:
                key = (Path(parent) / name).relative_to(self._root).as_posix()
                if is_key(key) and (found := self.stat(key)):
                    yield found

    def download_url(
        self,
        key: str,
        *,
        base_url: str,
        expires_at: datetime,
        file_name: str | None = None,
        content_type: str | None = None,
    ) -> str:
        """Sign an address of this service."""
        return self._signer.url(base_url, Grant(key, "GET", expires_at, file_name, content_type))

    def _require_there(self) -> None:
        """Tell a folder without a file from one whose disk is not mounted, which looks alike.

        Whoever takes the one for the other forgets what it believes deleted, or fills the disk
        that is underneath.
        """
        if not (self._root / _PARTS).is_dir():
            raise StorageUnreachable(
                f"The storage folder {self._root} is not there. Mount its disk, or see to its "
                "permissions."
            )

    def _path(self, key: str) -> Path:
        return self._root / checked(key)


class _Writer:
    def __init__(self, root: Path, destination: Path, key: str) -> None:
        self._root, self._destination, self._key = root, destination, key
        self._whole = root / _PARTS / f"{secrets.token_hex(8)}{_WHOLE}"
        self._files = AtomicFiles()
        with _translated(key):
            self._file = self._files.open(self._whole)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()

    def write(self, block: bytes) -> None:
        with _translated(self._key):
            self._file.write(block)

    def commit(self) -> None:
        with _translated(self._key):
            self._files.commit()
            try:
                self._place()
            finally:
                self._whole.unlink(missing_ok=True)

    def abort(self) -> None:
        self._files.__exit__(None, None, None)

    def _place(self) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                self._destination.parent.mkdir(parents=True, exist_ok=True)
                self._whole.replace(self._destination)
                break
            except FileNotFoundError:
                # somebody deleted the folder's last object, and the folder, in between
                if attempt == _ATTEMPTS - 1:
                    raise
        # from the file up: each of these folders may be new, and is an entry of the next
        for folder in self._destination.relative_to(self._root).parents:
            _sync(self._root / folder)


class _Blocks(Iterator[bytes]):
    """Blocks of an open file, which is closed at the end or by `close`."""

    def __init__(self, key: str, descriptor: int, start: int, end: int | None) -> None:
        self._key = key
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        size = os.fstat(descriptor).st_size
        self._left = max((size if end is None else min(end, size)) - start, 0)
        self._file.seek(start)

    def __next__(self) -> bytes:
        block = b""
        if self._left and not self._file.closed:
            with _translated(self._key):
                block = self._file.read(min(BLOCK_BYTES, self._left))
        if not block:
            self.close()
            raise StopIteration
        self._left -= len(block)
        return block

    def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        self._file.close()


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, OutputError) as error:
        cause = error.__cause__ if isinstance(error, OutputError) else error
        number = getattr(cause, "errno", None)
        reason = getattr(cause, "strerror", None) or str(cause)
        if number in _NO_ROOM:
            raise StorageFull(f"There is no room for {what}: {reason}. Free some space.") from error
        raise StorageError(f"The storage folder failed for {what}: {reason}.") from error


def _as_object(key: str, facts: os.stat_result) -> StoredObject | None:
    if not stat.S_ISREG(facts.st_mode):
        return None
    etag = f'"{facts.st_ino:x}-{facts.st_mtime_ns:x}-{facts.st_size:x}"'
    return StoredObject(key, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC), etag)


def _sweep(parts: Path) -> None:
    """Remove what a process left that was killed between completing a file and placing it."""
    for path in parts.glob(f"*{_WHOLE}"):
        with contextlib.suppress(FileNotFoundError):
            if utc_now().timestamp() - path.stat().st_mtime > _STALE_S:
                path.unlink()


def _prune(folder: Path, root: Path) -> None:
    with contextlib.suppress(OSError):
        while folder != root:
            folder.rmdir()
            folder = folder.parent


def _sync(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
