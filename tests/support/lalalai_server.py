"""lalal.ai on the loopback: its API on one port, and on another the servers that keep tracks."""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from support.lalalai_requests import Refusal
from support.lalalai_rules import Account, Service

V1 = "/api/v1/"


@dataclass(frozen=True)
class Heard:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Fault:
    """How one request goes wrong."""

    status: int | None = None
    """None: the connection is closed without an answer."""
    body: bytes = b'{"detail": "out of order"}'
    headers: dict[str, str] = field(default_factory=dict)
    after_work: bool = False
    """What was asked for is done all the same, only the answer is lost."""


class LalalaiServer:
    """Use as a context manager. ``service`` holds the accounts and says what tasks go through."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.service = Service(now)
        self.heard: list[Heard] = []
        self.cdn_heard: list[Heard] = []
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        """By operation, such as ``split/multistem``; of tracks by label."""
        self._api = _Server(self, _Api)
        self._cdn = _Server(self, _Cdn)
        self.service.url_of = lambda name: f"{self.cdn_url}/{quote(name)}?signature=abc"

    def __enter__(self) -> Self:
        for server in (self._api, self._cdn):
            server.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for server in (self._api, self._cdn):
            server.shutdown()
            server.server_close()
            server.thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._api.server_address[1]}"

    @property
    def cdn_url(self) -> str:
        return f"http://127.0.0.1:{self._cdn.server_address[1]}"

    def account(self, key: str, **more: Any) -> Account:
        """Open an account."""
        self.service.accounts[key] = Account(**more)
        return self.service.accounts[key]

    def fails(self, operation: str, *faults: Fault | int) -> None:
        """Let the next requests for an operation go wrong."""
        made = (Fault(fault) if isinstance(fault, int) else fault for fault in faults)
        self.faults[operation].extend(made)

    def asked(self, operation: str) -> list[Heard]:
        """The requests that came for an operation."""
        return [heard for heard in self.heard if heard.path == f"{V1}{operation}/"]

    def operations(self) -> list[str]:
        """Every operation that was asked for, in its order."""
        return [heard.path.removeprefix(V1).rstrip("/") for heard in self.heard]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: LalalaiServer, handler: type[_Handler]) -> None:
        self.owner = owner
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        super().__init__(("127.0.0.1", 0), handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def heard(self) -> Heard:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the client went away")
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Heard(self.command, self.path, headers, body)

    def fails(self, fault: Fault) -> None:
        self.close_connection = True
        if fault.status is not None:
            self.answer(fault.status, fault.body, fault.headers)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        said = {"Content-Length": str(len(body)), "x-request-id": "req-1", **(headers or {})}
        for name, value in said.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def answer_json(self, status: int, body: object) -> None:
        self.answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


class _Api(_Handler):
    def do_GET(self) -> None:
        owner, split = self.server.owner, urlsplit(self.path)
        heard = self.heard()
        owner.heard.append(heard)
        if split.path == "/billing/get-limits/":
            if owner.faults["billing"]:
                return self.fails(owner.faults["billing"].popleft())
            key = parse_qs(split.query).get("key", [""])[0]
            return self.answer_json(200, owner.service.billing(key))
        status = 405 if split.path.startswith(V1) else 404
        return self.answer_json(status, {"detail": "Method Not Allowed"})

    def do_POST(self) -> None:
        owner = self.server.owner
        if "Content-Length" not in self.headers:
            self.close_connection = True
            return self.answer_json(411, {"detail": "Length Required"})
        heard = self.heard()
        owner.heard.append(heard)
        if not self.path.startswith(V1):
            return self.answer_json(404, {"detail": "Not Found"})
        if not self.path.endswith("/"):
            return self.answer(307, b"", {"Location": f"{self.path}/"})
        operation = self.path.removeprefix(V1).rstrip("/")
        waiting = owner.faults[operation]
        fault = waiting.popleft() if waiting else None
        if fault is not None and not fault.after_work:
            return self.fails(fault)
        status, body = self._worked(operation, heard)
        if fault is not None:
            return self.fails(fault)
        return self.answer_json(status, body)

    def _worked(self, operation: str, heard: Heard) -> tuple[int, object]:
        try:
            return 200, self._work(operation, heard)
        except Refusal as refusal:
            return refusal.status, refusal.body

    def _work(self, operation: str, heard: Heard) -> object:
        service = self.server.owner.service
        service.account(heard.headers.get("x-license-key"))
        key = heard.headers["x-license-key"]
        if operation == "upload":
            if heard.headers.get("content-type") != "application/octet-stream":
                raise Refusal(400, "The body is the file itself")
            return service.upload(key, heard.headers.get("content-disposition"), heard.body)
        if operation == "limits/minutes_left":
            return service.minutes_left(key)
        if operation == "cancel/all":
            return service.cancel_all(key)
        works: dict[str, Callable[[str, dict[str, Any]], object]] = {
            "check": service.check,
            "cancel": service.cancel,
            "delete": service.delete,
        }
        name, _, kind = operation.rpartition("/")
        if name == "split" and kind in {"stem_separator", "multistem", "voice_clean", "demuser"}:
            return service.split(key, kind, _body(heard))
        if name == "split/batch":
            return service.split_batch(key, kind, _body(heard))
        if operation not in works:
            raise Refusal(404, "Not Found")
        return works[operation](key, _body(heard))


class _Cdn(_Handler):
    def do_GET(self) -> None:
        owner = self.server.owner
        owner.cdn_heard.append(self.heard())
        name = unquote(urlsplit(self.path).path.removeprefix("/"))
        label = name.rpartition("/")[2].removesuffix(".wav")
        if owner.faults[label]:
            return self.fails(owner.faults[label].popleft())
        body = owner.service.track(name)
        if body is None or "signature=abc" not in self.path:
            return self.answer(404, b"gone")
        disposition = f"attachment; filename*=utf-8''{quote(label)}.wav"
        return self.answer(200, body, {"Content-Disposition": disposition})


def _body(heard: Heard) -> dict[str, Any]:
    if heard.headers.get("content-type") != "application/json":
        raise Refusal(422, "The body is JSON")
    try:
        body = json.loads(heard.body)
    except ValueError as error:
        raise Refusal(422, "The body is JSON") from error
    if not isinstance(body, dict):
        raise Refusal(422, "The body is an object")
    return body
