"""The body of a request on its way into an upload."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request

from stemwright.features.uploads.receiving import Receiving
from stemwright.features.uploads.service import Uploads
from stemwright.web.receiving import Body

WRITERS: Final = CapacityLimiter(16)
"""Threads that wait for the storage on behalf of all uploads; endpoints have others."""


async def receive(body: Body, length: int | None, uploads: Uploads, key: str) -> None:
    """Pass a body on. Whatever ends it early, nothing of it is kept."""
    receiving = await to_thread.run_sync(uploads.receive, key, length, limiter=WRITERS)
    async with _aborted(receiving):
        async for block in body.blocks():
            await to_thread.run_sync(receiving.write, block, limiter=WRITERS)
        await to_thread.run_sync(receiving.finish, limiter=WRITERS)


def length_of(request: Request) -> int | None:
    """Read what the client says it will send, if it does."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isdecimal() else None


@asynccontextmanager
async def _aborted(receiving: Receiving) -> AsyncIterator[None]:
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(receiving.abort, limiter=WRITERS)
