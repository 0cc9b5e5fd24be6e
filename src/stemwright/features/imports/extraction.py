"""Runs yt-dlp in a child process that can be ended at any moment."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final, Protocol, TypeVar, cast

from stemwright.errors import ServiceUnavailable

from .extractor import Event, Order
from .sites import Site

Progress = Callable[[float | None], None]
_T = TypeVar("_T")

_CHILD: Final = "stemwright.features.imports.extractor"
_HEARTBEAT_S: Final = 0.5
_LONGEST_LINE: Final = 8 << 20
_PROXY_VARIABLES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})

_log = logging.getLogger(__name__)


class ExtractionFailed(Exception):
    """What kept yt-dlp from its work, not yet in words for a user."""

    def __init__(
        self,
        kind: str,
        text: str = "",
        *,
        cause: str | None = None,
        status: int | None = None,
        amount: float = 0,
    ) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        """upstream, timeout, crash, setup, live, too_long, too_large or several."""
        self.text = text
        self.cause = cause
        """Class of the error below yt-dlp's own."""
        self.status = status
        self.amount = amount
        """Seconds or bytes that were too many."""


class Extractor(Protocol):
    """Looks media up and downloads them."""

    def lookup(self, url: str, site: Site, *, timeout_s: float) -> Mapping[str, Any]:
        """Return the metadata under yt-dlp's names; raises `ExtractionFailed`."""
        ...

    def search(self, query: str, site: Site, *, timeout_s: float) -> Sequence[Mapping[str, Any]]:
        """Return what the site lists for some words; raises `ExtractionFailed`."""
        ...

    def download(
        self,
        url: str,
        site: Site,
        folder: Path,
        *,
        max_bytes: int,
        max_duration_s: float,
        timeout_s: float,
        progress: Progress,
    ) -> Path:
        """Return the file as the site delivers it; raises `ExtractionFailed`.

        ``progress`` is called at least twice a second; what it raises ends the download.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildExtractor:
    """An `Extractor` that starts a process for every order.

    What the process may connect to is limited by the same policy as our own requests, in a hook
    below all of yt-dlp's HTTP stacks; it does not get the environment's secrets and proxies.
    """

    networks: tuple[str, ...] = ()
    """Private networks it may reach, as in ``STEMWRIGHT_ALLOW_PRIVATE_NETWORKS``."""
    cookies_file: Path | None = None
    """Read anew for every order, never written."""
    proxy: str = ""
    cache: Path | None = None

    def lookup(self, url: str, site: Site, *, timeout_s: float) -> Mapping[str, Any]:
        """See `Extractor`."""
        last = self._carried_out(self._order(url, site), timeout_s, _unheard)
        return _kept(_member(last, "info", dict))

    def search(self, query: str, site: Site, *, timeout_s: float) -> Sequence[Mapping[str, Any]]:
        """See `Extractor`."""
        order = replace(
            self._order(site.search_url(query), site),
            action="search",
            extractors=list(site.search_extractors),
        )
        return _kept(_member(self._carried_out(order, timeout_s, _unheard), "entries", list))

    def download(
        self,
        url: str,
        site: Site,
        folder: Path,
        *,
        max_bytes: int,
        max_duration_s: float,
        timeout_s: float,
        progress: Progress,
    ) -> Path:
        """See `Extractor`."""
        order = replace(
            self._order(url, site),
            action="download",
            folder=str(folder),
            max_bytes=max_bytes,
            max_duration_s=max_duration_s,
        )
        path = Path(_member(self._carried_out(order, timeout_s, progress), "path", str))
        if path.parent.resolve() != folder.resolve():
            raise ExtractionFailed("crash", "the file is not where it was asked for")
        return path

    def _order(self, url: str, site: Site) -> Order:
        return Order(
            action="lookup",
            url=url,
            extractors=list(site.extractors),
            origin=list(site.origin) if site.origin else None,
            networks=list(self.networks),
            cookies=_cookies(self.cookies_file),
            proxy=self.proxy,
            cache=str(self.cache) if self.cache else None,
        )

    def _carried_out(self, order: Order, timeout_s: float, progress: Progress) -> Event:
        with tempfile.TemporaryFile() as complaints, _child(complaints) as child:
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(order.written())
                child.stdin.flush()
            last = _last_event(child, timeout_s, progress)
            if last is None:
                raise ExtractionFailed("crash", _end_of(complaints))
        if last.get("event") == "failed":
            raise _failure(last)
        return last


@contextlib.contextmanager
def _child(complaints: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Start the child in a group of its own; afterwards nothing of the group is left."""
    child = subprocess.Popen(  # noqa: S603 - our own module, nothing of a user's
        [sys.executable, "-m", _CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        env=_environment(),
        start_new_session=True,
    )
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        child.wait()


def _last_event(
    child: subprocess.Popen[bytes], timeout_s: float, progress: Progress
) -> Event | None:
    """Hear the child out; None if it ends without a last word."""
    fraction: float | None = None
    for event in _events(child, timeout_s):
        if event is not None and event.get("event") != "progress":
            return event
        said = event.get("fraction") if event is not None else None
        if isinstance(said, float | int):
            fraction = max(fraction or 0.0, float(said))
        progress(fraction)
    return None


def _events(child: subprocess.Popen[bytes], timeout_s: float) -> Iterator[Event | None]:
    """Yield what the child says, and None whenever it was silent for a while."""
    assert child.stdout is not None
    end, held = time.monotonic() + timeout_s, b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while (left := end - time.monotonic()) > 0:
            if not selector.select(min(left, _HEARTBEAT_S)):
                yield None
                continue
            block = os.read(child.stdout.fileno(), 1 << 16)
            if not block or len(held) > _LONGEST_LINE:
                return
            *lines, held = (held + block).split(b"\n")
            yield from (_parsed(line) for line in lines)
    raise ExtractionFailed("timeout", f"not done in {timeout_s:g} s")


def _parsed(line: bytes) -> Event:
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise ExtractionFailed("crash", f"the child sent {line[:80]!r}")
    return event


def _failure(event: Event) -> ExtractionFailed:
    return ExtractionFailed(
        str(event.get("kind")),
        _kept(str(event.get("text") or "")),
        cause=event.get("cause"),
        status=event.get("status"),
        amount=event.get("duration") or event.get("size") or 0,
    )


def _member(event: Event, name: str, kind: type[_T]) -> _T:
    found = event.get(name)
    if not isinstance(found, kind):
        raise ExtractionFailed("crash", f"the child sent {event.get('event')!r} without {name}")
    return found


def _kept(told: _T) -> _T:
    """What strangers wrote, as every database keeps it: JSON can spell NUL and half a character."""
    kept: Any = told
    match told:
        case str():
            kept = told.encode("utf-8", "replace").decode().replace("\0", "")
        case list():
            kept = [_kept(one) for one in told]
        case dict():
            kept = {_kept(name): _kept(one) for name, one in told.items()}
    return cast("_T", kept)


def _environment() -> dict[str, str]:
    """Leave out what the child has no use for: our secrets, and proxies nobody set for us."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("STEMWRIGHT_") and name.lower() not in _PROXY_VARIABLES
    }


def _cookies(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        _log.error("the cookies file cannot be read: %s", error)
        raise ServiceUnavailable(
            "This server's cookies file cannot be read, so nothing is fetched with it. Tell its "
            "operator."
        ) from error


def _end_of(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    return complaints.read()[-4096:].decode(errors="replace").strip()


def _unheard(_fraction: float | None) -> None:
    pass
