"""A real HTTP server on the loopback that publishes files the way model hubs do, well or badly."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass
class Gate:
    """Stops a body after some bytes until the test opens it."""

    after: int
    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)


@dataclass
class HubFile:
    """One published file and what is wrong with its delivery."""

    content: bytes
    etag: bool = True
    ranges: bool = True
    breaks_after: list[int] = field(default_factory=list)
    """For each coming request, the bytes after which the connection drops."""
    gate: Gate | None = None
    chunked: bool = False
    """No Content-Length."""


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    path: str
    headers: dict[str, str]


class HubServer:
    """Use as a context manager; everything may be changed while it runs."""

    def __init__(self) -> None:
        self.files: dict[str, HubFile] = {}
        self.redirects: dict[str, str] = {}
        self.statuses: dict[str, int] = {}
        self.requests: list[Seen] = []
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for file in self.files.values():
            if file.gate is not None:
                file.gate.opened.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def publish(self, path: str, content: bytes, **behaviour: object) -> HubFile:
        self.files[path] = HubFile(content, **behaviour)  # type: ignore[arg-type]
        return self.files[path]

    def ranges_asked(self) -> list[str | None]:
        return [seen.headers.get("range") for seen in self.requests]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: HubServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        hub = self.server.hub
        headers = {name.lower(): value for name, value in self.headers.items()}
        hub.requests.append(Seen(self.path, headers))
        path = self.path.partition("?")[0]
        if path in hub.redirects:
            self._empty(302, {"Location": hub.redirects[path]})
        elif path in hub.statuses:
            self._empty(hub.statuses[path], {})
        elif path in hub.files:
            self._file(hub.files[path], headers)
        else:
            self._empty(404, {})

    def _empty(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _file(self, file: HubFile, headers: dict[str, str]) -> None:
        etag = f'"{hashlib.sha256(file.content).hexdigest()[:16]}"'
        start = _start(file, headers, etag)
        if start > 0 and start >= len(file.content):
            self._empty(416, {})
            return
        self._head(file, start, etag)
        self._body(file, start)

    def _head(self, file: HubFile, start: int, etag: str) -> None:
        size = len(file.content)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if not file.chunked:
            self.send_header("Content-Length", str(size - start))
        if file.etag:
            self.send_header("ETag", etag)
        self.send_header("Connection", "close")
        self.end_headers()

    def _body(self, file: HubFile, start: int) -> None:
        self.close_connection = True
        stop = file.breaks_after.pop(0) if file.breaks_after else len(file.content)
        body = file.content[start : max(stop, start)]
        if file.gate is None:
            self.wfile.write(body)
            return
        self.wfile.write(body[: file.gate.after])
        self.wfile.flush()
        file.gate.reached.set()
        file.gate.opened.wait(30)
        try:
            self.wfile.write(body[file.gate.after :])
        except OSError:
            return  # the other side is gone, as some tests want it

    def log_message(self, *_: object) -> None:
        pass


def _start(file: HubFile, headers: dict[str, str], etag: str) -> int:
    asked = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
    if asked is None or not file.ranges:
        return 0
    if headers.get("if-range", etag) != etag:
        return 0
    return int(asked[1])
