"""``/api/analysis``: tempo, key and the like of tracks."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from stemwright.analysis.features import ALL, CONTRACT_FEATURES
from stemwright.errors import InvalidFeatures
from stemwright.jobs.job import Job

from .access import Caller, Services
from .bodies import Fields, Sent
from .documented import answers, body
from .job_answers import state, stopped
from .progress import status_word
from .replies import AnalysisCreated, AnalysisReply, CancelledReply
from .services import ForgeServices

router: Final = APIRouter(prefix="/api/analysis", tags=["analysis"])


@router.post(
    "/analyze",
    status_code=201,
    response_model=AnalysisCreated,
    responses=answers(400, 403, 404, 409),
    openapi_extra=body(
        {
            "track_id": ("string", "A track that was downloaded or uploaded."),
            "features": (
                "array",
                "Tempo, key, energy and spectral unless said; `all` are all.",
                (*CONTRACT_FEATURES, ALL),
            ),
        },
        ["track_id"],
    ),
)
async def analyse(services: Services, caller: Caller, sent: Sent) -> dict[str, Any]:
    """Begin to analyse a track."""
    job = await run_in_threadpool(_order, services, caller.owner, sent)
    status = status_word(job)
    data = {"job_id": job.id, "track_id": job.request["track_id"], "status": status}
    return {"success": True, "data": data, "job_id": job.id, "status": status}


@router.head("/job/{job_id}", include_in_schema=False)
@router.get(
    "/job/{job_id}",
    response_model=AnalysisReply,
    response_model_exclude_unset=True,
    responses=answers(403, 404),
)
def read(services: Services, caller: Caller, job_id: str) -> dict[str, Any]:
    """Tell how far an analysis is, and what it found."""
    job = services.analyses.find(caller.owner, job_id)
    result = dict(job.result) if job.result and job.status in {"completed", "expired"} else None
    return {"success": True, "data": {**state(job), "result": result}, "job_id": job.id}


@router.delete(
    "/job/{job_id}",
    response_model=CancelledReply,
    responses=answers(403, 404, 409),
)
def cancel(services: Services, caller: Caller, job_id: str) -> dict[str, Any]:
    """Stop an analysis."""
    return stopped(services.analyses.cancel(caller.owner, job_id))


def _order(services: ForgeServices, owner: str, sent: Fields) -> Job:
    track_id = sent.required("track_id")
    features = sent.words("features", InvalidFeatures)
    lone = sent.word("type", "", InvalidFeatures) or None
    return services.analyses.order(owner, track_id, features, lone_type=lone)
