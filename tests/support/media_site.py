"""A site of videos and tracks on the loopback, for yt-dlp's generic extractor to read.

Its pages describe one video or track each in JSON-LD, as many real sites do, and link to its file.
"""

from __future__ import annotations

import html
import json
import threading
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from support.hub_server import Gate

_TYPES = {
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".png": "image/png",
    ".wav": "audio/wav",
    ".webm": "audio/webm",
}
_BLOCK = 16 << 10


@dataclass
class Medium:
    """One video or track, and what is wrong with its delivery."""

    file: Path
    title: str
    duration_s: float | None
    author: str = "The Band"
    description: str | None = None
    thumbnail: str | None = None
    views: int | None = None
    uploaded: str | None = None
    keywords: str | None = None
    page_gate: Gate | None = None
    """Holds the page back before its first byte."""
    gate: Gate | None = None
    """Holds the file back after some bytes."""
    chunked: bool = False
    """No Content-Length."""

    @property
    def content_type(self) -> str:
        return _TYPES[self.file.suffix]


@dataclass
class MediaSite:
    """Use as a context manager; everything may be changed while it runs.

    Videos are at ``/watch?v=ID``, tracks at ``/ARTIST/TRACK``; ``/results?search_query=WORDS``
    lists videos in whose title, author or keywords any of the words is, those with most first.
    """

    media: dict[str, Medium] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    """Status that a page answers with instead."""
    requests: list[str] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)
    """What each request brought."""

    def __enter__(self) -> Self:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for medium in self.media.values():
            for gate in (medium.page_gate, medium.gate):
                if gate is not None:
                    gate.opened.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def youtube_url_template(self) -> str:
        return f"{self.origin}/watch?v={{id}}"

    @property
    def soundcloud_url_template(self) -> str:
        return f"{self.origin}/{{id}}"

    def add(
        self, name: str, file: Path, title: str, duration_s: float | None, **more: object
    ) -> Medium:
        """Publish a video under its id, or a track under ``artist/track``."""
        self.media[name] = Medium(file, title, duration_s, **more)  # type: ignore[arg-type]
        return self.media[name]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, site: MediaSite) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.site = site


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        site = self.server.site
        site.requests.append(self.path)
        site.cookies.append(self.headers.get("Cookie", ""))
        try:
            self._serve(site)
        except OSError:
            return  # the other side is gone, as some tests want it

    def _serve(self, site: MediaSite) -> None:
        split = urllib.parse.urlsplit(self.path)
        if split.path == "/results":
            words = urllib.parse.parse_qs(split.query).get("search_query", [""])[0]
            self._answer(site.statuses.get("/results", 200), "text/xml", _results(site, words))
            return
        asked = urllib.parse.parse_qs(split.query).get("v", [split.path.removeprefix("/")])[0]
        name, is_file = asked.removeprefix("files/").rpartition(".")[0], asked.startswith("files/")
        medium = site.media.get(name if is_file else asked)
        if asked in site.statuses or medium is None:
            self._answer(site.statuses.get(asked, 404), "text/html", b"<html>No.</html>")
        elif is_file:
            self._file(medium)
        else:
            _wait(medium.page_gate)
            self._answer(200, "text/html; charset=utf-8", _page(site.origin, asked, medium))

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self, medium: Medium) -> None:
        body = medium.file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", medium.content_type)
        if not medium.chunked:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        after = medium.gate.after if medium.gate else 0
        self.wfile.write(body[:after])
        self.wfile.flush()
        _wait(medium.gate)
        for start in range(after, len(body), _BLOCK):
            self.wfile.write(body[start : start + _BLOCK])

    def log_message(self, *_: object) -> None:
        pass


def _wait(gate: Gate | None) -> None:
    if gate is not None:
        gate.reached.set()
        gate.opened.wait(60)


def _results(site: MediaSite, words: str) -> bytes:
    wanted = set(words.lower().replace('"', "").split())
    videos = [(name, medium) for name, medium in site.media.items() if "/" not in name]
    fitting = [(name, medium) for name, medium in videos if wanted & _words_of(medium)]
    found = sorted(fitting, key=lambda it: -len(wanted & _words_of(it[1])))
    items = "".join(
        f"<item><title>{html.escape(medium.title)}</title>"
        f"<link>{html.escape(site.youtube_url_template.replace('{id}', name))}</link>"
        + (f"<itunes:duration>{medium.duration_s}</itunes:duration>" if medium.duration_s else "")
        + "</item>"
        for name, medium in found
    )
    return (
        '<?xml version="1.0"?><rss version="2.0" '
        'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel>'
        f"<title>Results</title>{items}</channel></rss>"
    ).encode()


def _words_of(medium: Medium) -> set[str]:
    return set(f"{medium.title} {medium.author} {medium.keywords or ''}".lower().split())


def _page(origin: str, name: str, medium: Medium) -> bytes:
    told = {
        "@context": "https://schema.org",
        "@type": "AudioObject" if "/" in name else "VideoObject",
        "name": medium.title,
        "contentUrl": f"{origin}/files/{name}{medium.file.suffix}",
        "encodingFormat": medium.content_type,
        "author": {"@type": "Person", "name": medium.author},
        "description": medium.description,
        "thumbnailUrl": medium.thumbnail,
        "interactionCount": medium.views,
        "uploadDate": medium.uploaded,
        "keywords": medium.keywords,
        "duration": None if medium.duration_s is None else f"PT{medium.duration_s}S",
    }
    held = json.dumps({key: value for key, value in told.items() if value is not None})
    title = html.escape(medium.title)
    return (
        f"<!DOCTYPE html><html><head><title>{title}</title>"
        f'<script type="application/ld+json">{held}</script></head><body>{title}</body></html>'
    ).encode()
