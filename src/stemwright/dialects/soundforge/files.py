"""``GET /files/…``: the library's files at the paths that answers and events name."""

from __future__ import annotations

from dataclasses import dataclass

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from stemwright.features.exports.service import Exports
from stemwright.web.sending import READERS, send_file

from .exports import Caller, admitting, facts_of


@dataclass(frozen=True, slots=True)
class FileRoutes:
    """The endpoint and what it needs. Session or key: ``caller`` takes both."""

    exports: Exports
    caller: Caller

    def router(self) -> APIRouter:
        """Build it; it stands at the root of the server."""
        router = APIRouter(tags=["files"], dependencies=[Depends(admitting(self.caller))])
        router.get("/files/{path:path}", response_class=Response)(self.file)
        router.head("/files/{path:path}", include_in_schema=False)(self.file)
        return router

    async def file(self, request: Request, path: str) -> Response:
        """Send a file, to be played: whole, or the bytes asked for."""
        owner = request.state.owner
        found = await to_thread.run_sync(self.exports.file, owner, path, limiter=READERS)
        headers = {
            "Content-Type": found.content_type,
            "Cache-Control": "private, max-age=86400",
        }
        return await send_file(request, facts_of(found), found.read, headers, strict=True)
