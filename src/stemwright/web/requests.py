"""What every request gets before anyone looks at it: an id, and a path in its plain form.

Middlewares of this package are plain ASGI and wrap an app from outside, so that also an answer of
the framework itself passes through them. They change the request's scope in place: what an inner
one learns (the route, the caller), an outer one reads after the answer.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stemwright.kit import logs
from stemwright.kit.ids import new_id

_SANE_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_SLASHES: Final = re.compile(r"/{2,}")
_RAW_SLASHES: Final = re.compile(rb"/{2,}")


class RequestIds:
    """Names each request: with the caller's ``X-Request-Id`` if it is sane, else a new one.

    The name is on the answer and on every line logged meanwhile.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        name = given if _SANE_ID.fullmatch(given) else new_id("req")

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = name
            await send(message)

        with logs.context(request_id=name):
            await self._app(scope, receive, answer)


class PlainPaths:
    """Serves ``//jobs`` and ``/jobs/`` as ``/jobs``, without a redirect.

    Some clients join a base address that ends in a slash with a path that begins with one, and
    follow no redirects. The app inside must not redirect slashes either: it would send the caller
    in a circle.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "lifespan":
            scope["path"] = _SLASHES.sub("/", scope["path"]).rstrip("/") or "/"
            if raw := scope.get("raw_path"):
                scope["raw_path"] = _RAW_SLASHES.sub(b"/", raw).rstrip(b"/") or b"/"
        await self._app(scope, receive, send)
