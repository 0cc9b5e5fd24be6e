"""Each request measured and written down once, when its answer has ended."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stemwright.kit import logs
from stemwright.kit.redaction import MASK

from .forwarded import client_address
from .metrics import Metrics

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET: Final = frozenset({"/health", "/metrics"})
_NOBODY_LEFT: Final = 499  # what other servers log when the caller went before an answer
_SHOWN_OF_KEY: Final = 12
_LONGEST_PATH: Final = 500
# Links from messages: they are written down when a browser shows them, and open an account then.
_SECRET_PATHS: Final = re.compile(r"(/users/+(?:log.{1,3}in|settings/+confirm.{1,3}email)/+).+")
_log = logs.get_logger("stemwright.access")


@dataclass(slots=True)
class _Answer:
    """What is learnt of an answer while it passes."""

    status: int = 0
    bytes: int = 0
    whole: bool = False

    def look(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)


class Observed:
    """Writes a line to the access log and feeds the histograms; the query is in neither."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, answer, started = _path(scope), _Answer(), time.perf_counter()

        async def passing(message: Message) -> None:
            answer.look(message)
            await send(message)

        try:
            with self._metrics.request_in_flight():
                await self._app(scope, receive, passing)
        finally:
            self._ended(scope, path, answer, time.perf_counter() - started)

    def _ended(self, scope: Scope, path: str, answer: _Answer, seconds: float) -> None:
        status = answer.status or _NOBODY_LEFT
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._metrics.request_ended(route_template(scope), method, status, seconds)
        fields: dict[str, object] = {
            "method": method,
            "path": path,
            "status": status,
            "duration_ms": round(seconds * 1000, 1),
            "bytes": answer.bytes,
            "client": str(client_address(scope) or "unknown"),
        }
        if shown := _start_of_key(scope):
            fields["key"] = shown
        if not answer.whole:
            fields["broken_off"] = True
        _level(path, status)("request", **fields)


def route_template(scope: Scope) -> str:
    """The route that matched, with its parameters unfilled: a set that callers cannot enlarge."""
    # FastAPI keeps the whole path of a router inside routers apart from its route
    inner = scope.get("fastapi", {}).get("effective_route_context")
    route = inner or scope.get("route")
    if route is None:
        return "unmatched"
    if isinstance(route, Mount):
        return f"{scope.get('root_path', '')}/*"
    return f"{scope.get('root_path', '')}{getattr(route, 'path', '')}"


def _path(scope: Scope) -> str:
    """The path as sent: percent-encoded, so that nothing in it acts on a terminal."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode("ascii", "backslashreplace")
    path = raw.partition(b"?")[0].decode("ascii", "replace")[:_LONGEST_PATH]
    return _SECRET_PATHS.sub(rf"\g<1>{MASK}", path)


def _start_of_key(scope: Scope) -> str:
    scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    is_key = scheme.lower() == "bearer" and token.startswith("sk_")
    return token[:_SHOWN_OF_KEY] if is_key else ""


def _level(path: str, status: int) -> Callable[..., object]:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _log.error
    return _log.debug if path in _QUIET else _log.info
