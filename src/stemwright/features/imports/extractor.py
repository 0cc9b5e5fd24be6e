"""The child process that runs yt-dlp: one order on standard input, events on standard output.

``python -m stemwright.features.imports.extractor``. Orders and events are JSON, one a line. It
ends when its standard input does, so that it never outlives who started it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from stemwright.web.addresses import AddressPolicy

from .connect_guard import guard_connections

if TYPE_CHECKING:
    from yt_dlp import YoutubeDL

Event = dict[str, Any]
Emit = Callable[[Event], None]
Make = Callable[[dict[str, Any]], "YoutubeDL"]

LIVE: Final = frozenset({"is_live", "is_upcoming", "post_live"})

_KEPT: Final = (
    "id", "title", "duration", "thumbnail", "channel", "uploader", "channel_id", "description",
    "timestamp", "upload_date", "tags", "categories", "view_count", "like_count", "comment_count",
    "live_status", "is_live", "age_limit", "availability",
)  # fmt: skip
_LISTED: Final = (
    "id", "url", "title", "duration", "channel", "uploader", "view_count", "live_status",
)  # fmt: skip
_MOST_LISTED: Final = 20
_BETWEEN_EVENTS_S: Final = 0.5
_ROOM_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the child is to do, with everything it needs to know; nothing else reaches it."""

    action: Literal["lookup", "search", "download"]
    url: str
    extractors: list[str]
    origin: list[str | int] | None = None
    """Host and port that may be private."""
    networks: list[str]
    """As `AddressPolicy.parse` reads them."""
    cookies: str | None = None
    """The contents of a cookies file: yt-dlp would write to the file itself."""
    proxy: str = ""
    cache: str | None = None
    folder: str = "."
    max_bytes: int = 0
    max_duration_s: float = 0

    def written(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


class Refused(Exception):
    """A limit of ours, or what came back, ends the work; ``kind`` says which."""

    def __init__(self, kind: str, **facts: object) -> None:
        super().__init__(kind)
        self.event: Event = {"event": "failed", "kind": kind, **facts}


def run(order: Order, emit: Emit, make: Make) -> Event:
    """Carry out the order; returns the last event."""
    from yt_dlp.utils import DownloadError  # noqa: PLC0415 - half a second

    try:
        if order.action == "download":
            return _download(order, emit, make)
        return _search(order, make) if order.action == "search" else _lookup(order, make)
    except Refused as refused:
        return refused.event
    except DownloadError as error:
        return _failure(error)


def _lookup(order: Order, make: Make) -> Event:
    with make(_options(order)) as ydl:
        return {"event": "found", "info": _slim(ydl.extract_info(order.url, download=False))}


def _search(order: Order, make: Make) -> Event:
    """List what is found as the list of results has it: no page of a medium is opened."""
    with make({**_options(order), "extract_flat": True}) as ydl:
        found = ydl.extract_info(order.url, download=False) or {}
    listed = list(islice(found.get("entries") or (), _MOST_LISTED))
    return {"event": "listed", "entries": [_slim_entry(entry) for entry in listed if entry]}


def _slim_entry(entry: Mapping[str, Any]) -> Event:
    return {name: entry[name] for name in _LISTED if entry.get(name) is not None}


def _download(order: Order, emit: Emit, make: Make) -> Event:
    from yt_dlp.utils import DownloadCancelled  # noqa: PLC0415

    watch = _Watch(order, emit)
    try:
        with make(_options(order) | watch.options()) as ydl:
            info = ydl.extract_info(order.url, download=True)
    except DownloadCancelled:
        if watch.refused is None:
            raise
    if watch.refused is not None:
        raise watch.refused
    path = _written(info)
    if path is None or not path.is_file() or not path.stat().st_size:
        # a declared size above the limit makes no error, calls no hook and leaves no file
        raise Refused("too_large", size=order.max_bytes + 1)
    return {"event": "done", "path": str(path)}


def _written(info: Mapping[str, Any] | None) -> Path | None:
    if not info or info.get("_type", "video") != "video":
        raise Refused("several")
    done = info.get("requested_downloads") or [{}]
    return Path(done[0]["filepath"]) if done[0].get("filepath") else None


class _Watch:
    """What is looked at while a download goes on, and why it was ended."""

    def __init__(self, order: Order, emit: Emit) -> None:
        self._order = order
        self._emit = emit
        self._last = -_BETWEEN_EVENTS_S
        self.refused: Refused | None = None

    def options(self) -> dict[str, Any]:
        return {
            "match_filter": self.judge,
            "progress_hooks": [self.progressed],
            "max_filesize": self._order.max_bytes,
            "outtmpl": {"default": "source.%(ext)s"},
            "paths": {"home": self._order.folder},
            "overwrites": True,
            "continuedl": False,  # the format chosen may be another than last time
        }

    def judge(self, info: Mapping[str, Any], *, incomplete: bool = False) -> str | None:
        """Refuse by returning a text, which yt-dlp drops."""
        if info.get("live_status") in LIVE or info.get("is_live"):
            self.refused = Refused("live")
        elif (info.get("duration") or 0) > self._order.max_duration_s:
            self.refused = Refused("too_long", duration=info["duration"])
        return str(self.refused) if self.refused else None

    def progressed(self, status: Mapping[str, Any]) -> None:
        done = status.get("downloaded_bytes") or 0
        if done > self._order.max_bytes:
            self._stop(Refused("too_large", size=done))
        now = time.monotonic()
        if now - self._last >= _BETWEEN_EVENTS_S or status.get("status") == "finished":
            self._last = now
            self._emit({"event": "progress", "fraction": _fraction(status)})

    def _stop(self, refused: Refused) -> None:
        from yt_dlp.utils import DownloadCancelled  # noqa: PLC0415

        self.refused = refused
        raise DownloadCancelled


def _fraction(status: Mapping[str, Any]) -> float | None:
    if status.get("status") == "finished":
        return 1.0
    pairs = (
        ("downloaded_bytes", "total_bytes"),
        ("downloaded_bytes", "total_bytes_estimate"),
        ("fragment_index", "fragment_count"),
    )
    for part, whole in pairs:
        if status.get(part) is not None and status.get(whole):
            return min(float(status[part] / status[whole]), 1.0)
    return None


def _options(order: Order) -> dict[str, Any]:
    return {
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": _Silence(),
        "noplaylist": True,
        "allowed_extractors": order.extractors,
        "format": "bestaudio/best",
        "fixup": "never",  # the audio is handed on as it is
        "ffmpeg_location": "/nonexistent",  # it would fetch streams past the guard
        "socket_timeout": 15,
        "retries": 3,
        "fragment_retries": 5,
        "proxy": order.proxy,  # an empty one is none at all, whatever the environment says
        "cookiefile": None if order.cookies is None else io.StringIO(order.cookies),
        "cachedir": order.cache or False,
        "js_runtimes": {"deno": _deno()},
    }


def _deno() -> dict[str, str]:
    """Find the JavaScript runtime that came as a package; without it, the one on the path."""
    try:
        from deno import find_deno_bin  # noqa: PLC0415

        return {"path": str(find_deno_bin())}
    except (ImportError, OSError):
        return {}


class _Silence:
    """yt-dlp writes errors to standard error unless it has somebody to tell."""

    def debug(self, _text: str) -> None: ...
    def info(self, _text: str) -> None: ...
    def warning(self, _text: str) -> None: ...
    def error(self, _text: str) -> None: ...


def _slim(info: Mapping[str, Any] | None) -> Event:
    """Keep what is asked for of some hundred kilobytes."""
    if not info or info.get("_type", "video") != "video":
        raise Refused("several")
    formats = info.get("formats") or []
    return {
        **{name: info[name] for name in _KEPT if info.get(name) is not None},
        "formats": [_slim_format(known) for known in formats],
        "subtitles": sorted(info.get("subtitles") or ()),
    }


def _slim_format(known: Mapping[str, Any]) -> Event:
    return {"format_id": known.get("format_id"), "height": known.get("height")}


def _failure(error: Exception) -> Event:
    """Take apart what yt-dlp raises: the cause is the network's error or the extractor's own."""
    held = getattr(error, "exc_info", None)
    cause = held[1] if held else None
    name = type(cause).__name__ if cause is not None else None
    return {
        "event": "failed",
        "kind": "setup" if name == "CookieLoadError" else "upstream",
        "text": str(error),
        "cause": name,
        "status": getattr(cause, "status", None),
    }


def main() -> int:
    """Run as a process."""
    order = Order(**json.loads(sys.stdin.buffer.readline()))
    emit = _own_output()
    threading.Thread(target=_end_with_input, daemon=True).start()
    _confine(order)
    from yt_dlp import YoutubeDL  # noqa: PLC0415

    emit(run(order, emit, YoutubeDL))
    return 0


def _own_output() -> Emit:
    """Keep standard output to ourselves: whatever a library prints goes to standard error."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def emit(event: Event) -> None:
        output.write(json.dumps(event) + "\n")
        output.flush()

    return emit


def _end_with_input() -> None:
    while os.read(0, 4096):  # not through sys.stdin, whose lock would be held at exit
        pass
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)  # the JavaScript runtime with us
    os._exit(1)


def _confine(order: Order) -> None:
    admitted = [(str(order.origin[0]), int(order.origin[1]))] if order.origin else []
    if order.proxy:
        proxy = urlsplit(order.proxy)
        admitted.append((proxy.hostname or "", proxy.port or 80))
    guard_connections(AddressPolicy.parse(order.networks), admitted)
    if order.max_bytes:
        most = order.max_bytes + _ROOM_BYTES
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))


if __name__ == "__main__":
    sys.exit(main())
