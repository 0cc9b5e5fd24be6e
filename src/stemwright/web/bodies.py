"""A bound on what a request may send where JSON is expected."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stemwright.errors import RequestTooLarge, StemwrightError

Render = Callable[[Scope, StemwrightError], ASGIApp]
"""Makes the answer that tells a caller of an error, in the form the caller's dialect has."""

MOST_BYTES: Final = 1 << 20


def nothing(_scope: Scope) -> bool:
    """No request at all."""
    return False


class BodyLimit:
    """Refuses larger bodies: announced ones unread, others as soon as they have grown too large.

    Nothing is held back: bytes pass to the app as they come.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        render: Render,
        most_bytes: int = MOST_BYTES,
        unlimited: Callable[[Scope], bool] = nothing,
    ) -> None:
        self._app = app
        self._render = render
        self._most = most_bytes
        self._unlimited = unlimited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or self._unlimited(scope):
            await self._app(scope, receive, send)
        elif _announced(scope) > self._most:
            await self._refuse(scope, receive, send)
        else:
            await self._watch(scope, receive, send)

    async def _watch(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken, started = 0, False

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._most and not started:
                raise _GrownTooLarge
            return message

        async def answer(message: Message) -> None:
            nonlocal started
            # A framework may catch what counted() raised and answer in its own words.
            if taken <= self._most or started:
                started = True
                await send(message)

        with suppress(_GrownTooLarge):
            await self._app(scope, counted, answer)
        if taken > self._most and not started:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                # the rest of the body stays unread, so nothing may follow it
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._render(scope, RequestTooLarge(self._most))(scope, receive, closing)


class _GrownTooLarge(Exception):
    pass


def _announced(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() else 0
