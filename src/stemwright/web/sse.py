"""Server-sent events: a feed over plain HTTP, which browsers take up again by themselves.

A feed tells states, so a client that comes back misses nothing that still matters: it gets the
present state, unless that is the one whose marker it names.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import suppress
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .feeds import Feed, Update
from .live import LiveConnections, TooMany

BEAT_S: Final = 15.0
"""Proxies cut what is silent for longer, the strictest after twenty seconds."""
_RETRY_MS: Final = 2_000
_HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
}
_BEAT: Final = b": still here\n\n"


class EventStream(Response):
    """An answer that lasts until the feed is over, the client goes, or the caller is put out."""

    def __init__(
        self,
        feed: Feed,
        live: LiveConnections,
        caller: Hashable,
        *,
        last_event_id: str | None = None,
        beat_s: float = BEAT_S,
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._feed = feed
        self._live = live
        self._caller = caller
        self._last = last_event_id
        self._beat_s = beat_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        mailbox = _Mailbox()
        try:
            leave = self._live.enter(self._caller, lambda _code: mailbox.end())
        except TooMany:
            await Response(status_code=503, headers={"retry-after": "10"})(scope, receive, send)
            return
        stop = self._feed(mailbox.put)
        try:
            await self._serve(mailbox, scope, receive, send)
        finally:
            stop()
            leave()

    async def _serve(self, mailbox: _Mailbox, scope: Scope, receive: Receive, send: Send) -> None:
        first = await mailbox.take(self._beat_s)
        if first is not None and first.is_last and first.marker == self._last:
            # it has heard the end; this is how a browser is told not to ask again
            await Response(status_code=204)(scope, receive, send)
            return
        tasks = [
            asyncio.create_task(self._send(self._blocks(mailbox, first), send)),
            asyncio.create_task(_gone(receive)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, blocks: AsyncIterator[bytes], send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async for block in blocks:
            await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _blocks(self, mailbox: _Mailbox, first: Update | None) -> AsyncIterator[bytes]:
        yield f"retry: {_RETRY_MS}\n\n".encode()
        update = first
        if update is not None and update.marker == self._last:
            update = await mailbox.take(self._beat_s)
        while not mailbox.ended:
            yield _BEAT if update is None else _block(update)
            if update is not None and update.is_last:
                return
            update = await mailbox.take(self._beat_s)


class _Mailbox:
    """Holds the newest update alone: it says all that the ones before did."""

    def __init__(self) -> None:
        self.ended = False
        self._loop = asyncio.get_running_loop()
        self._update: Update | None = None
        self._filled = asyncio.Event()

    def put(self, update: Update) -> None:
        """Leave an update, in any thread."""
        self._call(self._put, update)

    def end(self) -> None:
        """Let nothing more be taken, from any thread."""
        self._call(self._end)

    async def take(self, within_s: float) -> Update | None:
        """Wait for an update; none if there is none in time, or no more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._filled.wait()
        if not self.ended:
            self._filled.clear()
        update, self._update = self._update, None
        return update

    def _call(self, call: Any, *args: Any) -> None:  # noqa: ANN401 - as the loop's own method
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(call, *args)

    def _put(self, update: Update) -> None:
        self._update = update
        self._filled.set()

    def _end(self) -> None:
        self.ended = True
        self._filled.set()


def _block(update: Update) -> bytes:
    """Write an update; with the last line a client has all of it, so that carries the id."""
    lines = [f"event: {it.event}\ndata: {it.payload}\n" for it in update.messages]
    if lines:
        lines[-1] = f"id: {update.marker}\n{lines[-1]}"
    return "".join(f"{line}\n" for line in lines).encode()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
