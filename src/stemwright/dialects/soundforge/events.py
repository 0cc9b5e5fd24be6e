"""``GET /api/jobs/{id}/events``: what a channel tells, over plain HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from stemwright.errors import AccessDenied
from stemwright.web.sse import EventStream

from .access import Either, Services
from .documented import answers

router: Final = APIRouter(prefix="/api/jobs", tags=["events"])

_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
        "description": "`job:progress` with the state as it is and as it changes; at the end "
        "`job:completed` or `job:failed`, and the answer ends.",
    },
    204: {"description": "The client has heard the end, by its `Last-Event-ID`."},
}


@router.get(
    "/{job_id}/events", response_class=Response, responses={**_STREAM, **answers(400, 403, 404)}
)
async def events(
    services: Services,
    caller: Either,
    job_id: str,
    last_event_id: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """Tell of a job's progress and end as server-sent events, the present state first.

    Jobs of either API. A client that comes back with `Last-Event-ID` is not told again what it
    has heard.
    """
    job = await run_in_threadpool(services.jobs.find, None, job_id)
    if job.owner != caller.principal.owner:
        raise AccessDenied("the job")
    feed = services.topics.feed(job.id)
    return EventStream(feed, services.live, caller.principal, last_event_id=last_event_id)
