"""An object as a response: whole, in part, or not at all where the client has it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from stemwright.storage.base import Storage, StoredObject
from stemwright.storage.disposition import attachment
from stemwright.storage.signing import Grant
from stemwright.web.serving import Facts, Selection, select

READERS: Final = CapacityLimiter(8)
"""Threads that wait for the storage on behalf of all downloads; endpoints have others."""


async def download(
    request: Request, storage: Storage, found: StoredObject, grant: Grant
) -> Response:
    """Answer a GET or HEAD for an object that exists."""
    facts = Facts(found.size_bytes, found.etag, found.modified_at)
    chosen = select(request.headers, facts)
    headers = _headers(facts, chosen, grant)
    if request.method == "HEAD" or chosen.status in {304, 416}:
        return Response(status_code=chosen.status, headers=headers)
    blocks = await to_thread.run_sync(
        storage.read, grant.key, chosen.start, chosen.stop, limiter=READERS
    )
    return _Blocks(blocks, chosen.status, headers)


class _Blocks(StreamingResponse):
    """Closes what it reads from also when the client goes away."""

    def __init__(self, blocks: Iterator[bytes], status: int, headers: Mapping[str, str]) -> None:
        self._blocks = blocks
        super().__init__(self._from_threads(), status_code=status, headers=headers)

    async def stream_response(self, send: Send) -> None:
        async with _closing(self._blocks):
            await super().stream_response(send)

    async def _from_threads(self) -> AsyncIterator[bytes]:
        while block := await to_thread.run_sync(next, self._blocks, b"", limiter=READERS):
            yield block


@asynccontextmanager
async def _closing(blocks: Iterator[bytes]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if close := getattr(blocks, "close", None):
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(close, limiter=READERS)


def _headers(facts: Facts, chosen: Selection, grant: Grant) -> dict[str, str]:
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=3600",
        "ETag": facts.etag,
        "Last-Modified": facts.last_modified,
        "X-Content-Type-Options": "nosniff",
    }
    if chosen.status == 304:
        return headers
    if chosen.status == 416:
        return headers | {"Content-Range": f"bytes */{facts.size_bytes}", "Content-Length": "0"}
    if chosen.status == 206:
        last = chosen.stop - 1
        headers["Content-Range"] = f"bytes {chosen.start}-{last}/{facts.size_bytes}"
    return headers | {
        "Content-Length": str(chosen.length),
        "Content-Type": grant.content_type or "application/octet-stream",
        "Content-Disposition": attachment(grant.file_name),
    }
