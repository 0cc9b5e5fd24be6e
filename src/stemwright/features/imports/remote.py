"""Files behind direct links: what they are, before a job is taken on, and then the file itself."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemwright.errors import (
    AddressRefused,
    EmptyAudio,
    InvalidSourceUrl,
    NoAudioStream,
    NotAudio,
    OutputError,
    SourceUrlUnreachable,
    UnreadableAudio,
)
from stemwright.kit.ids import new_id
from stemwright.web.client import GuardedClient, Reply
from stemwright.web.ranges import strong_etag

from .durations import refuse_long, refuse_short
from .filenames import remote_name, safe_suffix
from .links import source_url
from .partial import add_index, might_have_index
from .receiving import Received, TryAgain, reaching, receive, require_file

Probe = Callable[[Path], float | None]
"""Seconds that a file's header declares, None if it does not; raises `InputError`. Reads no more
than the header: it is also given files of which only the beginning and the end are there."""
Progress = Callable[[float | None], None]
"""Told the fraction done; None where that is not known."""

_BETWEEN_PROGRESS_S: Final = 0.5
_WAITING_SHARE: Final = 0.8
"""Of the budget of an inspection, for the beginning of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteLimits:
    """What is taken from a link, and with how much patience."""

    max_bytes: int = 50 << 20
    min_duration_s: float = 5
    max_duration_s: float = 3600
    whole_bytes: int = 15 << 20
    """Files up to this size are fetched while they are inspected."""
    head_bytes: int = 1 << 20
    """Read in any case, if it comes in time."""
    reading_share: float = 0.6
    """Of the budget of an inspection; the rest is for the index at a file's end and the probe."""
    total_s: float = 300.0
    pauses_s: tuple[float, ...] = (2.0, 5.0, 10.0)
    longest_pause_s: float = 60.0
    """A server that asks for more is not waited for."""


@dataclass(frozen=True, slots=True)
class RemoteFacts:
    """What an inspection found out."""

    url: str
    file_name: str
    size_bytes: int | None
    duration_s: float | None
    """None where too little of the file could be seen in time."""
    content_type: str
    """The server's word, which decides nothing."""
    kept: Path | None
    """The whole file, if it came in time; the caller's to keep or remove."""


class RemoteFiles:
    """Fetches what strangers' links lead to.

    Parameters
    ----------
    client
        With a connect timeout of 10 s and an idle one of 30 s.
    folder
        Where inspected files are kept.
    probe
        Tells a file's duration; the caller runs decoders in a process of their own.

    """

    def __init__(
        self,
        client: GuardedClient,
        folder: Path,
        probe: Probe,
        *,
        limits: RemoteLimits | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._folder = folder
        self._probe = probe
        self._limits = limits or RemoteLimits()
        self._sleep = sleep

    def inspect(self, url: str, budget_s: float = 10.0) -> RemoteFacts:
        """Find out within the budget what a link leads to; one attempt.

        Raises
        ------
        InvalidSourceUrl, SourceUrlUnreachable, FileTooLarge, NotAudio, AudioTooLong, AudioTooShort
            In the order in which they can be known.

        """
        url = self._checked(url)
        end = time.monotonic() + budget_s
        with reaching(url), self._client.stream(url, total_s=budget_s) as reply:
            try:
                require_file(reply, self._limits.max_bytes)
            except TryAgain as again:
                raise again.error from again
            name = remote_name(reply.headers, url)
            path = self._new_file(name)
            with _removed_on_failure(path):
                received = self._begun(reply, path, budget_s)
        with _removed_on_failure(path):
            return self._facts(url, reply, name, path, received, end)

    def fetch(self, url: str, into: Path, progress: Progress) -> Path:
        """Download the file into a folder; what breaks off is continued where the server can.

        Raises
        ------
        InvalidSourceUrl, SourceUrlUnreachable, FileTooLarge, NotAudio
            With nothing left in the folder.

        """
        url = self._checked(url)
        part = into / "source.part"
        part.unlink(missing_ok=True)
        attempt = _Fetch(self._client, url, part, self._limits, progress, time.monotonic())
        try:
            name = self._persisted(attempt)
            return part.replace(into / f"source{safe_suffix(name)}")
        finally:
            part.unlink(missing_ok=True)

    def _persisted(self, fetch: _Fetch) -> str:
        for pause in self._limits.pauses_s:
            try:
                return fetch.attempt()
            except TryAgain as again:
                wait = pause if again.pause_s is None else max(again.pause_s, 1.0)
                if wait > min(self._limits.longest_pause_s, fetch.left_s()):
                    raise again.error from again
                self._sleep(wait)
        try:
            return fetch.attempt()
        except TryAgain as again:
            raise again.error from again

    def _checked(self, text: str) -> str:
        url = source_url(text)
        try:
            self._client.check(url)
        except AddressRefused as error:
            raise InvalidSourceUrl(
                f"{url.partition('?')[0]} leads to no server on the open internet that files "
                "are taken from. Give a link that opens anywhere, on the usual port."
            ) from error
        return url

    def _new_file(self, name: str) -> Path:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"Cannot make the folder {self._folder}: {error.strerror}."
            ) from error
        return self._folder / f"{new_id('remote')}{safe_suffix(name)}"

    def _begun(self, reply: Reply, path: Path, budget_s: float) -> Received:
        """Read the whole file if it is small or fast enough, else its beginning."""
        enough = _Enough(self._limits, budget_s)
        try:
            return receive(reply, path, max_bytes=self._limits.max_bytes, enough=enough)
        except TryAgain as again:
            raise again.error from again

    def _facts(
        self, url: str, reply: Reply, name: str, path: Path, received: Received, end: float
    ) -> RemoteFacts:
        declared = reply.headers.get("content-type", "")
        size = received.size if received.whole else received.total
        if received.whole:
            duration = self._duration(reply.url, path)
            self._check_duration(reply.url, duration)
            return RemoteFacts(url, name, size, duration, declared, path)
        duration = self._duration_of_parts(url, reply, path, received, end)
        path.unlink()
        self._check_duration(reply.url, duration)
        return RemoteFacts(url, name, size, duration, declared, None)

    def _duration_of_parts(
        self, url: str, reply: Reply, path: Path, received: Received, end: float
    ) -> float | None:
        total, left = received.total, end - time.monotonic()
        tells = total is not None and add_index(
            self._client, url, path, total, strong_etag(reply), left
        )
        try:
            seconds = self._duration(reply.url, path)
        except NotAudio as error:
            if might_have_index(path):
                return None
            if received.size < self._limits.head_bytes:
                raise SourceUrlUnreachable(
                    f"{reply.url} is sent too slowly to be looked at. Try again, or upload "
                    "the file."
                ) from error
            raise
        return seconds if tells else None

    def _duration(self, shown: str, path: Path) -> float | None:
        """Probe; the error must not name our own path."""
        try:
            return self._probe(path)
        except NoAudioStream as error:
            raise NotAudio(
                f"{shown} holds no sound. Give the link of a file with sound."
            ) from error
        except (UnreadableAudio, EmptyAudio) as error:
            raise NotAudio(
                f"{shown} is damaged, or no audio file of a kind known here. Give the direct "
                "link of a song: mp3, wav, flac, m4a, aac, ogg, opus, webm or wma."
            ) from error

    def _check_duration(self, shown: str, seconds: float | None) -> None:
        if seconds is not None:
            refuse_short(shown, seconds, self._limits.min_duration_s)
            refuse_long(shown, seconds, self._limits.max_duration_s)


class _Enough:
    """Decides during an inspection that a file will not come whole in time."""

    def __init__(self, limits: RemoteLimits, budget_s: float) -> None:
        self._limits = limits
        self._reading_s = limits.reading_share * budget_s
        self._waiting_s = _WAITING_SHARE * budget_s
        self._begun = time.monotonic()

    def __call__(self, received: int, total: int | None) -> bool:
        spent = time.monotonic() - self._begun
        if total is not None and total <= self._limits.whole_bytes:
            return spent > self._reading_s and received < total
        if received < self._limits.head_bytes:
            return spent > self._waiting_s
        if total is not None and spent > self._reading_s / 4:
            return spent * total / received > self._reading_s and received < total
        return spent > self._reading_s


@dataclass(slots=True)
class _Fetch:
    client: GuardedClient
    url: str
    part: Path
    limits: RemoteLimits
    progress: Progress
    begun: float
    etag: str | None = None
    told: float = -math.inf

    def left_s(self) -> float:
        return self.begun + self.limits.total_s - time.monotonic()

    def attempt(self) -> str:
        """Bring the file, or the rest of it; returns its name."""
        try:
            with reaching(self.url), self._opened() as reply:
                require_file(reply, self.limits.max_bytes)
                self.etag = strong_etag(reply)
                receive(reply, self.part, max_bytes=self.limits.max_bytes, enough=self._told)
                return remote_name(reply.headers, self.url)
        except SourceUrlUnreachable as error:
            if isinstance(error.__cause__, AddressRefused) or error.__cause__ is None:
                raise
            raise TryAgain(error) from error
        except TryAgain as again:
            if again.forget:
                self.etag = None
            raise

    def _opened(self) -> contextlib.AbstractContextManager[Reply]:
        held = self.part.stat().st_size if self.part.exists() else 0
        asked = {}
        if held and self.etag is not None:
            asked = {"Range": f"bytes={held}-", "If-Range": self.etag}
        return self.client.stream(self.url, headers=asked, total_s=max(self.left_s(), 0.0))

    def _told(self, received: int, total: int | None) -> bool:
        now = time.monotonic()
        if now - self.told >= _BETWEEN_PROGRESS_S or received == total:
            self.told = now
            self.progress(min(received / total, 1.0) if total else None)
        return False


@contextlib.contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise
