"""A ZIP archive that is nowhere: any of its bytes are made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from stemwright.errors import StorageMissing

from .zip_format import central_header, end_of, local_header

Read = Callable[[int, int], Iterator[bytes]]
_FORMAT: Final = "1"
"""Changes when the same files would make other bytes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the archive."""

    name: str
    size_bytes: int
    crc32: int
    etag: str
    """Differs whenever its bytes do."""
    read: Read
    """Reads from a byte up to another."""


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    length: int
    read: Read

    def part(self, start: int, stop: int) -> Iterator[bytes]:
        """What lies between two places of the archive."""
        first, last = max(start - self.start, 0), min(stop - self.start, self.length)
        if first < last:
            yield from self.read(first, last)


class Archive:
    """Files one after the other, stored, and the directory at the end."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = tuple(entries)
        self._pieces: list[_Piece] = []
        self.size_bytes = 0
        directory = b"".join(self._append(entry) for entry in entries)
        end = end_of(len(entries), len(directory), self.size_bytes)
        self._add(len(directory) + len(end), _from_bytes(directory + end))

    @property
    def names(self) -> tuple[str, ...]:
        """What is in it."""
        return tuple(entry.name for entry in self._entries)

    @property
    def etag(self) -> str:
        """Strong and quoted: it differs whenever the bytes do."""
        told = [_FORMAT, *(f"{e.name}\0{e.size_bytes}\0{e.crc32}\0{e.etag}" for e in self._entries)]
        return f'"{sha256(chr(1).join(told).encode()).hexdigest()[:32]}"'

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from ``start`` up to ``stop``, of files only what of them is between.

        Raises
        ------
        StorageError
            A file is gone or shorter than it was.

        """
        for piece in self._pieces:
            yield from piece.part(start, stop)

    def _append(self, entry: Entry) -> bytes:
        """Put a file at the end, and return what the directory says of it."""
        offset = self.size_bytes
        header = local_header(entry.name, entry.size_bytes, entry.crc32)
        self._add(len(header), _from_bytes(header))
        self._add(entry.size_bytes, _from_entry(entry))
        return central_header(entry.name, entry.size_bytes, entry.crc32, offset)

    def _add(self, length: int, read: Read) -> None:
        self._pieces.append(_Piece(self.size_bytes, length, read))
        self.size_bytes += length


def _from_bytes(content: bytes) -> Read:
    return lambda start, stop: iter((content[start:stop],))


def _from_entry(entry: Entry) -> Read:
    def read(start: int, stop: int) -> Iterator[bytes]:
        left = stop - start
        blocks = entry.read(start, stop)
        try:
            for block in blocks:
                left -= len(block)
                yield block
        finally:
            if close := getattr(blocks, "close", None):
                close()
        if left:
            # nothing after it would be where the directory says: better a broken connection
            raise StorageMissing(f"{entry.name} ended {left} bytes early.")

    return read
