"""A file as a response: whole, in part, or not at all where the client has it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Final

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from .serving import Facts, Selection, select

READERS: Final = CapacityLimiter(8)
"""Threads that wait for the storage on behalf of all downloads; endpoints have others."""

Read = Callable[[int, int], Iterator[bytes]]
"""Reads from a byte up to another, in blocks; what has a `close` is closed early or late."""


async def send_file(
    request: Request,
    facts: Facts,
    read: Read,
    headers: Mapping[str, str],
    *,
    strict: bool = False,
) -> Response:
    """Answer a GET or HEAD for a file that exists.

    Parameters
    ----------
    headers
        Such as ``Content-Type``, ``Content-Disposition``; what is said of bytes is added.
    strict
        Whether a range that makes no sense is refused.

    """
    chosen = select(request.headers, facts, strict=strict)
    said = _said(facts, chosen, headers)
    if request.method == "HEAD" or chosen.status in {304, 416}:
        return Response(status_code=chosen.status, headers=said)
    blocks = await to_thread.run_sync(read, chosen.start, chosen.stop, limiter=READERS)
    return Blocks(blocks, said, status=chosen.status)


class Blocks(StreamingResponse):
    """Sends blocks as threads read them, and closes their source also when the client goes away.

    Then it closes ``held``: whatever the blocks need until they are sent.
    """

    def __init__(
        self,
        blocks: Iterator[bytes],
        headers: Mapping[str, str],
        *,
        status: int = 200,
        held: AsyncExitStack | None = None,
    ) -> None:
        self._blocks = blocks
        self._held = held or AsyncExitStack()
        super().__init__(self._from_threads(), status_code=status, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # not later: a client that is gone by now ends the response before its first step
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                async with self._held:
                    await to_thread.run_sync(self._end, limiter=READERS)

    async def _from_threads(self) -> AsyncIterator[bytes]:
        while block := await to_thread.run_sync(next, self._blocks, b"", limiter=READERS):
            yield block

    def _end(self) -> None:
        if close := getattr(self._blocks, "close", None):
            close()


def _said(facts: Facts, chosen: Selection, headers: Mapping[str, str]) -> dict[str, str]:
    always = {
        "Accept-Ranges": "bytes",
        "ETag": facts.etag,
        "X-Content-Type-Options": "nosniff",
    }
    if facts.last_modified:
        always["Last-Modified"] = facts.last_modified
    if chosen.status in {304, 416}:
        kept = {name: it for name, it in headers.items() if not name.startswith("Content-")}
        if chosen.status == 304:
            return always | kept
        unsatisfied = {"Content-Range": f"bytes */{facts.size_bytes}", "Content-Length": "0"}
        return always | kept | unsatisfied
    if chosen.status == 206:
        last = chosen.stop - 1
        always["Content-Range"] = f"bytes {chosen.start}-{last}/{facts.size_bytes}"
    return always | {"Content-Length": str(chosen.length)} | dict(headers)
