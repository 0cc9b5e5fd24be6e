"""Files of which only the beginning is there, and the end where that says how long they are."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Final

from stemwright.errors import FetchError
from stemwright.web.client import GuardedClient
from stemwright.web.ranges import place

_TAIL_BYTES: Final = 256 << 10
_MOST_INDEX_BYTES: Final = 4 << 20


def might_have_index(path: Path) -> bool:
    """Whether the file is of a kind that can say at its end what it is."""
    with path.open("rb") as file:
        return _is_mp4(file.read(12))


def add_index(
    client: GuardedClient, url: str, path: Path, total: int, etag: str | None, left_s: float
) -> bool:
    """Give a beginning its full length, and its end where the format needs that.

    The gap between them stays a hole. Whether the file now says how long it is: not if its end was
    needed and could not be had.
    """
    with path.open("r+b") as file:
        start = _wanted_end(file, total)
        if start is None:
            file.truncate(total)
            return True
        end = _fetched(client, url, start, total, etag, left_s)
        file.seek(start)
        return bool(end) and file.write(end) == total - start


def _wanted_end(file: BinaryIO, total: int) -> int | None:
    """Where the end begins that has to be there; None if none has to."""
    head = file.read(12)
    if head.startswith(b"OggS"):
        return max(total - _TAIL_BYTES, 0)
    if not _is_mp4(head):
        return None
    position = _after_media(file, total)
    if position is None:
        return None
    return position if total - position <= _MOST_INDEX_BYTES else max(total - _TAIL_BYTES, 0)


def _after_media(file: BinaryIO, total: int) -> int | None:
    """Find where the sound ends and the index begins; None when the index came first."""
    held, position = file.seek(0, 2), 0
    while position + 16 <= held:
        file.seek(position)
        size, kind, wide = struct.unpack(">I4sQ", file.read(16))
        if kind == b"moov":
            return None
        length = wide if size == 1 else size
        if length < 8 or position + length > total:
            return None
        position += length
    return position if position < total else None


def _fetched(
    client: GuardedClient, url: str, start: int, total: int, etag: str | None, left_s: float
) -> bytes:
    asked = {"Range": f"bytes={start}-{total - 1}"}
    if etag is not None:
        asked["If-Range"] = etag
    try:
        with client.stream(url, headers=asked, total_s=left_s) as reply:
            if reply.status != HTTPStatus.PARTIAL_CONTENT or place(reply) != (start, total):
                return b""
            return _read(reply.blocks(), total - start)
    except FetchError:
        return b""  # an end that cannot be had leaves the duration open, as allowed


def _read(blocks: Iterator[bytes], most: int) -> bytes:
    body = bytearray()
    for block in blocks:
        body += block
        if len(body) > most:
            return b""
    return bytes(body)


def _is_mp4(head: bytes) -> bool:
    return head[4:8] == b"ftyp"
