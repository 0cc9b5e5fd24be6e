"""``GET /export/…``: stems, all of a track's in one archive, and its analysis."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from stemwright.features.exports.service import ExportedFile, Exports
from stemwright.storage.disposition import attachment
from stemwright.web.sending import READERS, send_file
from stemwright.web.serving import Facts
from stemwright.web.waiting import while_connected

from .documented import EITHER, answers, headers, reading, sending
from .replies import ExportedAnalysis

PRIVATE: Final = {"Cache-Control": "private, no-cache"}
"""May be kept, and is to be asked for again: what is newest changes."""
Caller = Callable[[Request], Awaitable[str]]
"""Tells whose a request is, the id of an account; refuses others by raising."""
_DOCUMENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": ExportedAnalysis,
        "description": "What is known of the track; not wrapped in `data`.",
        "headers": headers({"Content-Disposition": "Its name, for whoever saves it."}),
    },
    **answers(403, 404),
}
_CHECKERS: Final = CapacityLimiter(4)
"""Threads that read stems for their checksums, all of an archive's at a time."""


def admitting(caller: Caller) -> Caller:
    """Make a dependency of routes, which find their owner in ``request.state.owner``."""

    async def admit(request: Request) -> str:
        request.state.owner = await caller(request)
        return str(request.state.owner)

    return admit


@dataclass(frozen=True, slots=True)
class ExportRoutes:
    """The endpoints and what they need. Session or key: ``caller`` takes both."""

    exports: Exports
    caller: Caller

    def router(self) -> APIRouter:
        """Build them; they stand at the root of the server."""
        router = APIRouter(tags=["export"], dependencies=[Depends(admitting(self.caller))])
        stem = sending("audio/*", 403, 404, saved=True)
        stems = sending("application/zip", 403, 404, 422, saved=True)
        for path, endpoint, answered, asked in (
            ("/export/stem/{stem_id}", self.stem, stem, reading()),
            ("/export/stems/{track_id}", self.stems, stems, reading()),
            ("/export/analysis/{track_id}", self.analysis, _DOCUMENT, {"security": list(EITHER)}),
        ):
            route = router.get(
                path, response_class=Response, responses=answered, openapi_extra=asked
            )
            route(endpoint)
            router.head(path, include_in_schema=False)(endpoint)
        return router

    async def stem(self, request: Request, stem_id: str) -> Response:
        """Send one stem as a file."""
        owner = request.state.owner
        found = await to_thread.run_sync(self.exports.stem, owner, stem_id, limiter=READERS)
        return await sent(request, found)

    async def stems(self, request: Request, track_id: str) -> Response:
        """Send all stems of a track as a ZIP archive; a broken download can be resumed."""
        owner = request.state.owner
        work = partial(self.exports.stems, owner, track_id)
        found = await while_connected(request, work, _CHECKERS)
        return await sent(request, found)

    async def analysis(self, request: Request, track_id: str) -> Response:
        """Send what is known of a track as a document."""
        owner = request.state.owner
        found = await to_thread.run_sync(self.exports.analysis, owner, track_id, limiter=READERS)
        headers = {"Content-Disposition": attachment(found.file_name), **PRIVATE}
        return JSONResponse(dict(found.content), headers=headers)


async def sent(request: Request, found: ExportedFile) -> Response:
    """Send a file that is to be saved."""
    headers = {
        "Content-Type": found.content_type,
        "Content-Disposition": attachment(found.file_name),
        **PRIVATE,
    }
    return await send_file(request, facts_of(found), found.read, headers)


def facts_of(found: ExportedFile) -> Facts:
    """What a range or condition is compared with."""
    return Facts(found.size_bytes, found.etag, found.modified_at)
