"""Denoise jobs: a recording in, the same without its noise out."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from stemwright.features.denoising.service import DenoiseOrder
from stemwright.web.waiting import elsewhere

from .access import Caller, IdempotencyKey, Services
from .errors import answers
from .job_replies import DenoiseJobCreated, DenoiseJobDetail, DenoiseJobList
from .job_routes import JobKind
from .job_views import told_as_created
from .requests import DenoiseJobRequest

KIND: Final = JobKind("denoise", "/denoise-jobs", "denoise jobs", DenoiseJobList, DenoiseJobDetail)
router: Final = APIRouter(prefix=KIND.path, tags=[KIND.tag])


@router.post("", status_code=201, responses=answers(400, 402, 409), name="create denoise job")
async def create(
    caller: Caller, services: Services, asked: DenoiseJobRequest, key: IdempotencyKey = None
) -> DenoiseJobCreated:
    """Clean a recording."""
    order = DenoiseOrder(
        output_format=asked.output_format,
        upload_key=asked.upload_key,
        source_url=asked.source_url,
        file_name=asked.file_name,
        metadata=asked.metadata,
        callback_url=asked.callback_url,
        idempotency=asked.under(key, KIND.path),
    )
    job = await elsewhere(services.denoising.create, caller, order)
    estimate_s = services.denoising.estimated_s(job)
    return DenoiseJobCreated.model_validate(told_as_created(job, estimate_s))
