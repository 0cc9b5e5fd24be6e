"""A real HTTP server on the loopback that takes webhooks, well or badly, and keeps what came."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal, Self

Fault = Literal["none", "hang", "close", "drip"]


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answering:
    """How one request is answered."""

    status: int = 200
    body: bytes = b"thanks"
    headers: dict[str, str] = field(default_factory=dict)
    fault: Fault = "none"


class WebhookReceiver:
    """Use as a context manager; everything may be changed while it runs."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.always = Answering()
        self.hanging = threading.Event()
        """Set when a request has come that gets no answer."""
        self.released = threading.Event()
        self._next: defaultdict[str, deque[Answering]] = defaultdict(deque)
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
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def answers(self, *answers: Answering | int, path: str = "/hook") -> None:
        """Answer the next requests so, and those after them well."""
        self._next[path].extend(
            Answering(answer) if isinstance(answer, int) else answer for answer in answers
        )

    def take(self, received: Received) -> Answering:
        self.received.append(received)
        waiting = self._next[received.path]
        return waiting.popleft() if waiting else self.always


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, receiver: WebhookReceiver) -> None:
        self.receiver = receiver
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver = self.server.receiver
        answering = receiver.take(Received(self.path, headers, self.rfile.read(length)))
        if answering.fault == "hang":
            receiver.hanging.set()
            receiver.released.wait(60)
        elif answering.fault == "drip":
            self._drip(receiver)
        elif answering.fault == "none":
            self._answer(answering)
        self.close_connection = True

    def _answer(self, answering: Answering) -> None:
        self.send_response(answering.status)
        for name, value in answering.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answering.body)))
        self.end_headers()
        self.wfile.write(answering.body)

    def _drip(self, receiver: WebhookReceiver) -> None:
        """Send a header without end, a byte at a time."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Patience: ")
        while not receiver.released.wait(0.05):
            self.wfile.write(b"x")

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Keep the output of tests clean."""
