"""``/api/lalalai``: minutes left, and tasks stopped; for people in a browser."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter

from stemwright.web.waiting import elsewhere

from .access import Browser, Services
from .bodies import Fields, Sent
from .documented import answers, body
from .replies import QuotaReply, TaskCancelledReply, TasksCancelledReply
from .visits import Entrance

router: Final = APIRouter(prefix="/api/lalalai", tags=["lalalai"])


@router.head("/quota", include_in_schema=False)
@router.get("/quota", response_model=QuotaReply, responses=answers(502))
async def quota(services: Services, browser: Browser) -> dict[str, Any]:
    """Tell the minutes of the account whose key the caller's next task would spend."""
    found = await elsewhere(services.lalalai.quota, browser.principal.owner)
    data = {
        "quota_minutes": found.quota_minutes,
        "used_minutes": found.used_minutes,
        "remaining_minutes": found.remaining_minutes,
    }
    return {"success": True, "data": data, "minutes_left": found.remaining_minutes}


@router.post(
    "/cancel",
    response_model=TaskCancelledReply,
    responses=answers(400, 403, 404, 409, 502),
    openapi_extra=body({"task_id": ("string", "Of lalal.ai, or the id of our job.")}, ["task_id"]),
)
async def cancel(services: Services, browser: Browser, sent: Sent) -> dict[str, Any]:
    """Stop one of the caller's tasks."""
    _check(browser, sent)
    task_id = sent.required("task_id")
    done = await elsewhere(services.lalalai.cancel, browser.principal.owner, task_id)
    result = {"job_ids": list(done.job_ids), "task_ids": list(done.task_ids)}
    data = {"task_id": task_id, "status": "cancelled"}
    return {"success": True, "data": data, "result": result}


@router.post("/cancel-all", response_model=TasksCancelledReply, responses=answers(400, 403, 502))
async def cancel_all(services: Services, browser: Browser, sent: Sent) -> dict[str, Any]:
    """Stop all of the caller's tasks, and nobody else's."""
    _check(browser, sent)
    done = await elsewhere(services.lalalai.cancel_all, browser.principal.owner)
    data = {"cancelled": len(done.job_ids), "task_ids": list(done.task_ids)}
    result = {"job_ids": list(done.job_ids), "task_ids": list(done.task_ids)}
    return {"success": True, "data": data, **data, "result": result}


def _check(browser: Entrance, sent: Fields) -> None:
    """Ask for the token; forms carry it in a field."""
    browser.check({name: text for name, text in sent.sent.items() if isinstance(text, str)})
