"""What every object storage can do, and what an object's key may look like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NewType, Protocol

from stemwright.errors import OutputError, StorageError

BLOCK_BYTES: Final = 1 << 20
"""Size of the pieces in which objects travel; only the last may be smaller."""

Key = NewType("Key", str)
"""A key that was checked."""

# Nothing here needs escaping in a URL, a file name or a log line, and no segment is hidden,
# `.` or `..`: what is a key has one spelling on every store.
_SEGMENT: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_KEY: Final = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*")
_LONGEST: Final = 512
_LONGEST_SEGMENT: Final = 255


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it was when looked at."""

    key: str
    size_bytes: int
    modified_at: datetime
    etag: str
    """Differs whenever the bytes do; quoted, as HTTP has it."""


class Writer(AbstractContextManager["Writer"], Protocol):
    """Takes an object in pieces. Leaving the context without `commit` leaves nothing behind."""

    def write(self, block: bytes) -> None:
        """Take the next bytes; waits where the store is slower than the caller."""

    def commit(self) -> None:
        """Make the object visible, whole and durable, in place of an older one."""

    def abort(self) -> None:
        """Forget what was written; after `commit` it does nothing."""


class Storage(Protocol):
    """Objects by key. Every method may raise a `StorageError`; threads may share an instance."""

    def put_file(
        self, key: str, path: Path, *, content_type: str, file_name: str | None = None
    ) -> None:
        """Store a file. With ``file_name`` a browser saves it under that name."""

    def writer(self, key: str, content_type: str) -> Writer:
        """Open a sink that needs the same little memory for objects of any size."""

    def stat(self, key: str) -> StoredObject | None:
        """Look an object up; None when there is none."""

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Read the bytes from ``start`` up to ``end`` in blocks.

        Raises
        ------
        StorageMissing
            At once, not when the first block is asked for.

        """

    def fetch(self, key: str, path: Path) -> None:
        """Copy an object into a file, which appears when it is complete."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is not there counts as removed."""

    def list(self, folder: str = "") -> Iterator[StoredObject]:
        """Go through the objects whose keys start with ``folder/``, in no particular order."""

    def download_url(
        self,
        key: str,
        *,
        base_url: str,
        expires_at: datetime,
        file_name: str | None = None,
        content_type: str | None = None,
    ) -> str:
        """Make an address that anybody may GET until ``expires_at``.

        Its path ends as the key does. ``base_url`` is where this service is reached; a store
        that serves objects itself needs none, and gives the type and name they were put with.
        """


def checked(key: str) -> Key:
    """Refuse what is not a key.

    Raises
    ------
    StorageError
        It is empty, absolute, too long, or has characters or segments no key has.

    """
    if not is_key(key):
        raise StorageError(f"{key[:_LONGEST]!r} cannot be the key of an object")
    return Key(key)


def is_key(text: str) -> bool:
    """Whether an object could be called this."""
    short = len(text) <= _LONGEST and max(map(len, text.split("/"))) <= _LONGEST_SEGMENT
    return short and _KEY.fullmatch(text) is not None


def fetch_into(blocks: Iterator[bytes], path: Path) -> None:
    """Write blocks to a file that appears under its name when it is complete."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.writelines(blocks)
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; free some space") from error
    finally:
        part.unlink(missing_ok=True)
