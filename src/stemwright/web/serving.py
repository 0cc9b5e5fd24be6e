"""Which bytes of a file a request is for: ranges and conditions, after RFC 9110."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final, Literal

_RANGE: Final = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a file before it is opened."""

    size_bytes: int
    etag: str
    """Strong and quoted."""
    modified_at: datetime | None
    """None where nothing but the tag tells whether it is the same file."""

    @property
    def last_modified(self) -> str | None:
        """The time as a header, which has whole seconds."""
        if self.modified_at is None:
            return None
        return format_datetime(self.modified_at.astimezone(UTC), usegmt=True)


@dataclass(frozen=True, slots=True)
class Selection:
    """The answer's status, and the bytes from ``start`` up to ``stop`` that go with it."""

    status: Literal[200, 206, 304, 416]
    start: int
    stop: int

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return self.stop - self.start


def select(headers: Mapping[str, str], facts: Facts, *, strict: bool = False) -> Selection:
    """Decide for the headers (names in lower case) of a GET or HEAD.

    A header that makes no sense is as good as none, unless ``strict`` refuses it. A request for
    several ranges at once always is: the answer would have to be multipart, and the whole file is
    allowed instead.
    """
    if _is_known(headers, facts):
        return Selection(304, 0, 0)
    whole = Selection(200, 0, facts.size_bytes)
    said = headers.get("range")
    if said is None or not _may_be_partial(headers, facts):
        return whole
    asked = _RANGE.fullmatch(said)
    otherwise = Selection(416, 0, 0) if strict and "," not in said else whole
    return (asked and _part(asked[1], asked[2], facts.size_bytes)) or otherwise


def _part(first: str, last: str, size: int) -> Selection | None:
    if not first and not last:
        return None
    if first:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    else:
        start, stop = max(size - int(last), 0), size
    return Selection(206, start, stop) if start < stop else Selection(416, 0, 0)


def _is_known(headers: Mapping[str, str], facts: Facts) -> bool:
    """Whether the client says it has the file already."""
    tags = headers.get("if-none-match")
    if tags is not None:  # if-modified-since counts only without it
        known = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return "*" in known or facts.etag in known
    since = _time(headers.get("if-modified-since"))
    modified = facts.modified_at
    return since is not None and modified is not None and modified.replace(microsecond=0) <= since


def _may_be_partial(headers: Mapping[str, str], facts: Facts) -> bool:
    condition = headers.get("if-range")
    return condition is None or condition in {facts.etag, facts.last_modified}


def _time(header: str | None) -> datetime | None:
    try:
        time = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
