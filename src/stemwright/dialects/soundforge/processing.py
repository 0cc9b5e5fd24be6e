"""``/api/processing``: tracks taken apart, by this machine's models or by lalal.ai."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from stemwright.errors import InvalidEngine, InvalidSeparationModel
from stemwright.features.processing.orders import (
    DEFAULT_MODEL,
    ENGINES,
    LALALAI,
    LOCAL,
    MODELS,
    ProcessingOrder,
)
from stemwright.jobs.job import Job

from .access import Caller, Services
from .bodies import Fields, Sent
from .documented import answers, body
from .job_answers import state, stopped
from .progress import status_word
from .replies import CancelledReply, ModelsReply, ProcessingCreated, ProcessingReply
from .services import ForgeServices

router: Final = APIRouter(prefix="/api/processing", tags=["processing"])


@router.post(
    "/separate",
    status_code=201,
    response_model=ProcessingCreated,
    responses=answers(400, 402, 403, 404, 409, 502),
    openapi_extra=body(
        {
            "track_id": ("string", "A track that was downloaded or uploaded."),
            "model": ("string", "`htdemucs` unless said.", tuple(MODELS)),
            "engine": ("string", "`local` unless said.", ENGINES),
            "stems": ("array", "For lalal.ai: up to six stems, each a call of its own."),
            "stem_filter": ("string", "For lalal.ai: one stem and the rest."),
            "splitter": ("string", "For lalal.ai: the generation of its networks."),
            "multivocal": ("string", "For lalal.ai: lead and back vocals."),
            "preview": ("boolean", "For lalal.ai: only the first minute."),
        },
        ["track_id"],
    ),
)
async def separate(services: Services, caller: Caller, sent: Sent) -> dict[str, Any]:
    """Begin to take a track apart."""
    order = _order(sent)
    job = await run_in_threadpool(services.processing.order, caller.owner, order)
    status = status_word(job)
    data = {
        "job_id": job.id,
        "track_id": order.track_id,
        "model": order.model,
        "engine": order.engine,
        "status": status,
    }
    flat = {"job_id": job.id, "status": status, "model": order.model}
    return {"success": True, "data": data, **flat}


@router.head("/job/{job_id}", include_in_schema=False)
@router.get(
    "/job/{job_id}",
    response_model=ProcessingReply,
    response_model_exclude_unset=True,
    responses=answers(403, 404),
)
def read(services: Services, caller: Caller, job_id: str) -> dict[str, Any]:
    """Tell how far a separation is, and what came of it."""
    return _reply(services, services.processing.find(caller.owner, job_id))


@router.delete(
    "/job/{job_id}",
    response_model=CancelledReply,
    responses=answers(403, 404, 409),
)
def cancel(services: Services, caller: Caller, job_id: str) -> dict[str, Any]:
    """Stop a separation."""
    return stopped(services.processing.cancel(caller.owner, job_id))


@router.head("/models", include_in_schema=False)
@router.get("/models", response_model=ModelsReply, responses=answers())
async def models(_caller: Caller) -> dict[str, Any]:
    """List the models."""
    known = [
        {"name": model.name, "description": model.description, "stems": len(model.stems)}
        for model in MODELS.values()
    ]
    return {"success": True, "data": {"models": known}, "models": known}


def _order(sent: Fields) -> ProcessingOrder:
    return ProcessingOrder(
        track_id=sent.required("track_id"),
        model=sent.word("model", DEFAULT_MODEL, InvalidSeparationModel),
        engine=sent.word("engine", LOCAL, InvalidEngine),
        stems=sent.words("stems"),
        stem_filter=sent.text("stem_filter"),
        splitter=sent.text("splitter"),
        multivocal=sent.text("multivocal"),
        preview=sent.flag("preview") or False,
    )


def _reply(services: ForgeServices, job: Job) -> dict[str, Any]:
    result = dict(job.result) if job.result and job.status in {"completed", "expired"} else None
    engine = job.request["engine"]
    data = {
        **state(job),
        "model": job.request["model"],
        "engine": engine,
        "stems": result["stems"] if result else [],
    }
    if engine == LALALAI and (standing := services.lalalai.standing(job.id)):
        data["task_id"] = standing.task_id
        if standing.note and job.status == "running":
            data["message"] = standing.note
    return {"success": True, "data": data, "job_id": job.id, "result": result}
