"""``GET /files/…``: the library's files at the paths that answers and events name."""

from __future__ import annotations

from dataclasses import dataclass

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from stemwright.features.exports.service import Exports
from stemwright.web.sending import READERS, send_file

from .documented import reading, sending
from .exports import Caller, admitting, facts_of


@dataclass(frozen=True, slots=True)
class FileRoutes:
    """The endpoint and what it needs. Session or key: ``caller`` takes both."""

    exports: Exports
    caller: Caller

    def router(self) -> APIRouter:
        """Build it; it stands at the root of the server."""
        router = APIRouter(tags=["files"], dependencies=[Depends(admitting(self.caller))])
        path, answered = "/files/{path:path}", sending("audio/*", 403, 404)
        route = router.get(
            path, response_class=Response, responses=answered, openapi_extra=reading()
        )
        route(self.file)
        router.head(path, include_in_schema=False)(self.file)
        return router

    async def file(self, request: Request, path: str) -> Response:
        """Send a file, to be played: whole, or the bytes asked for.

        The path is one that other answers name, and has slashes in it.
        """
        owner = request.state.owner
        found = await to_thread.run_sync(self.exports.file, owner, path, limiter=READERS)
        headers = {
            "Content-Type": found.content_type,
            "Cache-Control": "private, max-age=86400",
        }
        return await send_file(request, facts_of(found), found.read, headers, strict=True)
