"""Downloads that continue where they broke off, in this process or an earlier one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from stemwright.errors import OutputError, RemoteTooLarge, RemoteUnreachable

from .client import GuardedClient, Reply
from .ranges import place, strong_etag

_MOST_ATTEMPTS = 20

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class _Part:
    """What is known of the file a part belongs to."""

    url: str
    validator: str | None
    """A strong ETag or a date; without one the total length has to do, and the checksum after."""
    total: int | None


class ResumableDownload:
    """Fetches files through the guarded client; keeps ``*.part`` with a note beside it."""

    def __init__(self, client: GuardedClient) -> None:
        self._client = client

    def download(
        self,
        url: str,
        destination: Path,
        *,
        headers: Mapping[str, str],
        trusted: bool,
        max_bytes: int,
        progress: Progress,
    ) -> bool:
        """Fetch ``url`` into ``destination``; whether an earlier part was continued.

        A connection that breaks is continued at once, as long as every attempt brings bytes.

        Raises
        ------
        FetchError
            Refused, unreachable, or larger than ``max_bytes``.
        OutputError
            The disk does not take it.

        """
        transfer = _Transfer(self._client, url, destination, headers, trusted, max_bytes, progress)
        try:
            return transfer.run()
        except OSError as error:
            raise OutputError(
                f"Cannot write {destination}: {error.strerror or error}. Make room or fix the "
                f"folder's permissions, then run the command again; it continues."
            ) from error


@dataclass(slots=True)
class _Transfer:
    client: GuardedClient
    url: str
    destination: Path
    headers: Mapping[str, str]
    trusted: bool
    max_bytes: int
    progress: Progress

    @property
    def part(self) -> Path:
        return self.destination.with_name(f"{self.destination.name}.part")

    @property
    def note(self) -> Path:
        return self.destination.with_name(f"{self.destination.name}.part.json")

    def run(self) -> bool:
        resumed = self._offset() > 0
        for _ in range(_MOST_ATTEMPTS):
            before = self._offset()
            try:
                self._attempt()
            except RemoteUnreachable:
                if self._offset() <= before:
                    raise
            else:
                self._finish()
                return resumed
        raise RemoteUnreachable(f"{self.url}: broke off {_MOST_ATTEMPTS} times")

    def _attempt(self) -> None:
        offset, known = self._offset(), self._known()
        if known is not None and offset and offset == known.total:
            return
        asked = {**self.headers, **_resume_headers(offset, known)}
        with self.client.stream(self.url, headers=asked, trusted=self.trusted) as reply:
            if reply.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                self._forget()
                raise RemoteUnreachable(f"{self.url}: the file changed meanwhile; try again")
            self._receive(reply, offset, known)

    def _receive(self, reply: Reply, offset: int, known: _Part | None) -> None:
        start, total = place(reply)
        fits = known is None or known.total in {None, total}
        if start and (start != offset or not fits):
            self._forget()
            raise RemoteUnreachable(f"{self.url}: the server continued another file; try again")
        if total is not None and total > self.max_bytes:
            raise RemoteTooLarge(self._too_large(total))
        self._remember(_Part(self.url, _validator(reply), total))
        with self.part.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            self._write(file, reply, start, total)

    def _write(self, file: BinaryIO, reply: Reply, start: int, total: int | None) -> None:
        done = start
        self.progress(done, total)
        for block in reply.blocks():
            done += len(block)
            if done > self.max_bytes:
                self._forget()
                raise RemoteTooLarge(self._too_large(done))
            file.write(block)
            self.progress(done, total)

    def _finish(self) -> None:
        with self.part.open("rb") as file:
            os.fsync(file.fileno())
        self.part.replace(self.destination)
        self.note.unlink(missing_ok=True)

    def _offset(self) -> int:
        """Bytes that can be continued: none when they belong to another address."""
        if self._known() is None or not self.part.is_file():
            return 0
        return self.part.stat().st_size

    def _known(self) -> _Part | None:
        try:
            part = _Part(**json.loads(self.note.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return part if part.url == self.url else None

    def _remember(self, part: _Part) -> None:
        self.note.write_text(json.dumps(asdict(part)), "utf-8")

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _too_large(self, size: int) -> str:
        return f"{self.url}: {size} bytes or more, where {self.max_bytes} were expected"


def _resume_headers(offset: int, known: _Part | None) -> dict[str, str]:
    if not offset:
        return {}
    asked = {"Range": f"bytes={offset}-"}
    if known is not None and known.validator:
        asked["If-Range"] = known.validator
    return asked


def _validator(reply: Reply) -> str | None:
    return strong_etag(reply) or reply.headers.get("last-modified")
