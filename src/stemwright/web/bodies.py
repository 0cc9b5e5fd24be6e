"""Bounds on what a request may send where JSON is expected, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stemwright.errors import RequestTooLarge, RequestTooSlow, StemwrightError

Render = Callable[[Scope, StemwrightError], ASGIApp]
"""Makes the answer that tells a caller of an error, in the form the caller's dialect has."""

MOST_BYTES: Final = 1 << 20
MOST_S: Final = 30.0
"""Enough for the largest body at 300 kbit/s."""


def nothing(_scope: Scope) -> bool:
    """No request at all."""
    return False


class BodyLimit:
    """Refuses larger bodies: announced ones unread, others as soon as they have grown too large.

    Bodies that are not there in time are refused as well. Nothing is held back: bytes pass to the
    app as they come.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        render: Render,
        most_bytes: int = MOST_BYTES,
        most_s: float = MOST_S,
        unlimited: Callable[[Scope], bool] = nothing,
    ) -> None:
        self._app = app
        self._render = render
        self._most = most_bytes
        self._most_s = most_s
        self._unlimited = unlimited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or self._unlimited(scope):
            await self._app(scope, receive, send)
        elif _announced(scope) > self._most:
            await self._refuse(RequestTooLarge(self._most), scope, receive, send)
        else:
            await self._watch(scope, receive, send)

    async def _watch(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken, whole, started = 0, False, False
        refusal: StemwrightError | None = None
        ends_at = anyio.current_time() + self._most_s

        async def counted() -> Message:
            nonlocal taken, whole, refusal
            if whole:
                return await receive()
            message = await _before(ends_at, receive)
            if message is None:
                refusal = RequestTooSlow(self._most_s)
                message = {"type": "http.disconnect"}
            taken += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if taken > self._most:
                refusal = RequestTooLarge(self._most)
            if refusal is not None and not started:
                raise _Refused
            return message

        async def answer(message: Message) -> None:
            nonlocal started
            # A framework may catch what counted() raised and answer in its own words.
            if refusal is None or started:
                started = True
                await send(message)

        with suppress(_Refused):
            await self._app(scope, counted, answer)
        if refusal is not None and not started:
            await self._refuse(refusal, scope, receive, send)

    async def _refuse(
        self, refusal: StemwrightError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                # the rest of the body stays unread, so nothing may follow it
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._render(scope, refusal)(scope, receive, closing)


class _Refused(Exception):
    pass


async def _before(ends_at: float, receive: Receive) -> Message | None:
    with anyio.move_on_after(ends_at - anyio.current_time()):
        return await receive()
    return None


def _announced(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() else 0
