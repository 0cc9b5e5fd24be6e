"""Parts of files over HTTP: where a body begins, and whether it is still the same file."""

from __future__ import annotations

import re
from http import HTTPStatus

from stemwright.errors import RemoteUnreachable

from .client import Reply

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


def place(reply: Reply) -> tuple[int, int | None]:
    """Where the body begins in the file, and how long the file is.

    Raises
    ------
    RemoteUnreachable
        The answer is neither the file nor a part of it.

    """
    if reply.status == HTTPStatus.OK:
        length = reply.headers.get("content-length", "")
        return 0, int(length) if length.isdigit() else None
    found = _CONTENT_RANGE.fullmatch(reply.headers.get("content-range", ""))
    if reply.status == HTTPStatus.PARTIAL_CONTENT and found:
        return int(found[1]), int(found[2])
    raise RemoteUnreachable(f"{reply.url}: HTTP {reply.status} {reply.reason}".rstrip())


def strong_etag(reply: Reply) -> str | None:
    """Return the tag that names these very bytes, if the server gives one."""
    etag = reply.headers.get("etag")
    return etag if etag and not etag.startswith("W/") else None
