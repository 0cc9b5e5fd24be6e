"""An HTTP server on the loopback whose every path may misbehave in its own way."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

Behaviour = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request, with what behaviours need to answer it."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        odd = self.server.odd
        odd.requests.append((self.command, self.path, dict(self.headers.items())))
        self.close_connection = True
        try:
            odd.routes[self.path.partition("?")[0]](self)
        except OSError:
            return  # the other side has gone, as some tests want it

    def do_POST(self) -> None:
        self.do_GET()

    def head(self, status: int = 200, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    def body(self, content: bytes) -> None:
        self.wfile.write(content)
        self.wfile.flush()

    def paused(self, seconds: float) -> bool:
        """Wait; whether the server is still wanted."""
        return not self.server.odd.closing.wait(seconds)

    def log_message(self, *_: object) -> None:
        pass


class OddServer:
    """Use as a context manager; ``routes`` may be changed while it runs."""

    def __init__(self) -> None:
        self.routes: dict[str, Behaviour] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.closing = threading.Event()
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
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def asked(self, header: str) -> list[str | None]:
        """What a header said in each request so far."""
        return [headers.get(header) for _, _, headers in self.requests]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, odd: OddServer) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.odd = odd


def whole(content: bytes, **headers: object) -> Behaviour:
    """Answer with all of it, whatever range was asked for."""

    def answer(request: Request) -> None:
        request.head(Content_Length=len(content), **headers)
        request.body(content)

    return answer


def ranged(content: bytes, etag: str = '"one"', *, stall_after: int | None = None) -> Behaviour:
    """Answer as a good server; a whole answer may stop in the middle and never go on."""

    def answer(request: Request) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        if asked is None or request.headers.get("If-Range", etag) != etag:
            request.head(Content_Length=len(content), ETag=etag, Accept_Ranges="bytes")
            request.body(content[:stall_after])
            if stall_after is not None:
                request.paused(60)
            return
        start, last = int(asked[1]), int(asked[2] or len(content) - 1)
        place = f"bytes {start}-{last}/{len(content)}"
        request.head(206, Content_Length=last + 1 - start, Content_Range=place, ETag=etag)
        request.body(content[start : last + 1])

    return answer


def slowing(content: bytes, after: int) -> Behaviour:
    """Know no ranges, and after some bytes send one at a time."""

    def answer(request: Request) -> None:
        request.head(Content_Length=len(content))
        request.body(content[:after])
        for k in range(after, len(content)):
            request.body(content[k : k + 1])
            if not request.paused(0.05):
                return

    return answer


def dripping(content: bytes, pause_s: float) -> Behaviour:
    """Send a byte at a time."""

    def answer(request: Request) -> None:
        request.head(Content_Length=len(content))
        for k in range(len(content)):
            request.body(content[k : k + 1])
            if not request.paused(pause_s):
                return

    return answer


def endless(block: bytes) -> Behaviour:
    """Never stop, and never say how much it will be."""

    def answer(request: Request) -> None:
        request.head()
        while request.paused(0):
            request.body(block)

    return answer


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Answer each request in another way, the last one for ever."""
    left = list(behaviours)

    def answer(request: Request) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(request)

    return answer


def status(code: int, **headers: object) -> Behaviour:
    def answer(request: Request) -> None:
        request.head(code, Content_Length=0, **headers)

    return answer


def broken_off(content: bytes, after: int, **headers: object) -> Behaviour:
    """Promise everything and hang up after some bytes."""

    def answer(request: Request) -> None:
        request.head(Content_Length=len(content), **headers)
        request.body(content[:after])

    return answer
