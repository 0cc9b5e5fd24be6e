"""One body on its way from a server into a file, judged from its first bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Final

from stemwright.errors import (
    AddressRefused,
    FileTooLarge,
    NameUnresolved,
    NotAudio,
    OutputError,
    RemoteUnreachable,
    SourceUrlUnreachable,
)
from stemwright.web.client import Reply
from stemwright.web.ranges import place

from .content import SNIFFED_BYTES, refuse_by_content, refuse_by_headers

_MIB: Final = 1 << 20
_AGAIN_LATER: Final = frozenset({
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
})  # fmt: skip

Enough = Callable[[int, int | None], bool]
"""``enough(received, total)``: whether to stop before the end."""


class TryAgain(Exception):
    """The next attempt may succeed; ``error`` is what to say if there is none."""

    def __init__(
        self, error: SourceUrlUnreachable, *, pause_s: float | None = None, forget: bool = False
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.pause_s = pause_s
        """What the server asked for."""
        self.forget = forget
        """What was received is of no use any more."""


@dataclass(frozen=True, slots=True)
class Received:
    """How far a body was read."""

    size: int
    total: int | None
    """Length of the file, where the server said."""
    whole: bool


def require_file(reply: Reply, max_bytes: int) -> None:
    """Refuse an answer that is no file, or too large a one, before its body is read."""
    if reply.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        raise _failure(reply)
    refuse_by_headers(reply.headers, reply.url)
    _, total = place(reply)
    if total is not None and total > max_bytes:
        raise too_large(reply.url, max_bytes, total)


def receive(reply: Reply, path: Path, *, max_bytes: int, enough: Enough) -> Received:
    """Append the body to the file, or write it anew where the server began anew."""
    start, total = place(reply)
    held = path.stat().st_size if path.exists() else 0
    if start and start != held:
        answer = SourceUrlUnreachable(f"{reply.url}: the server went on in the wrong place.")
        raise TryAgain(answer, forget=True)
    with _writing(), path.open("r+b" if start else "w+b") as file:
        file.seek(start)
        file.truncate()
        size, whole = _copied(reply, file, start, total, max_bytes, enough)
    if not size:
        raise NotAudio(f"{reply.url} is an empty file. Upload it again where it is, then retry.")
    return Received(size, total, whole)


def too_large(url: str, max_bytes: int, size: int) -> FileTooLarge:
    return FileTooLarge(
        f"{url} has {size / _MIB:.1f} MiB or more, and {max_bytes / _MIB:g} MiB are the limit. "
        "Convert it to flac or mp3, or cut it.",
        max_size_bytes=max_bytes,
        actual_size_bytes=size,
    )


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turn the client's failures into what may be said of a stranger's link.

    A name that leads inside and a name that does not exist get one and the same answer: else the
    service could be asked which names and addresses its own network has.
    """
    try:
        yield
    except (AddressRefused, NameUnresolved) as error:
        raise SourceUrlUnreachable(_nowhere(url)) from error
    except RemoteUnreachable as error:
        raise SourceUrlUnreachable(f"{error.message.rstrip('.')}.") from error


def _nowhere(url: str) -> str:
    return (
        f"{url.partition('?')[0]} leads to no server on the open internet. Check its spelling, "
        "and that the file can be opened without being in your network."
    )


def _copied(
    reply: Reply, file: BinaryIO, start: int, total: int | None, max_bytes: int, enough: Enough
) -> tuple[int, bool]:
    size, judged = start, start >= SNIFFED_BYTES
    for block in reply.blocks():
        file.write(block)
        size += len(block)
        if size > max_bytes:
            raise too_large(reply.url, max_bytes, size)
        if not judged and size >= SNIFFED_BYTES:
            _judge(file, reply.url)
            judged = True
        if enough(size, total):
            return size, size == total
    if size and not judged:
        _judge(file, reply.url)
    return size, True


def _judge(file: BinaryIO, url: str) -> None:
    end = file.tell()
    file.seek(0)
    refuse_by_content(file.read(SNIFFED_BYTES), url)
    file.seek(end)


def _failure(reply: Reply) -> Exception:
    error = SourceUrlUnreachable(
        f"{reply.url} answers {reply.status} {reply.reason}".rstrip()
        + ". Check that it opens without signing in, and that a signed link is still valid."
    )
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or reply.status in _AGAIN_LATER:
        gone = reply.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        return TryAgain(error, pause_s=_retry_after(reply), forget=gone)
    return error


def _retry_after(reply: Reply) -> float | None:
    said = reply.headers.get("retry-after", "")
    return float(said) if said.isdecimal() else None


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"Cannot store a fetched file: {error.strerror or error}. Make room in the data "
            "folder, or fix its permissions."
        ) from error
