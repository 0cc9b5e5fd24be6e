"""Stem jobs: a song in, stems out."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from stemwright.features.separations.orders import StemOrder
from stemwright.web.waiting import elsewhere

from .access import Caller, IdempotencyKey, Services
from .errors import answers
from .job_replies import StemJobCreated, StemJobDetail, StemJobList
from .job_routes import JobKind
from .job_views import told_as_created
from .requests import StemJobRequest

KIND: Final = JobKind("stems", "/jobs", "stem jobs", StemJobList, StemJobDetail)
router: Final = APIRouter(prefix=KIND.path, tags=[KIND.tag])


@router.post("", status_code=201, responses=answers(400, 402, 409), name="create stem job")
async def create(
    caller: Caller, services: Services, asked: StemJobRequest, key: IdempotencyKey = None
) -> StemJobCreated:
    """Take a song apart. Credits are held now, and given back should the job fail."""
    order = StemOrder(
        output_type=asked.output_type,
        quality=asked.quality,
        output_format=asked.output_format,
        upload_key=asked.upload_key,
        source_url=asked.source_url,
        file_name=asked.file_name,
        metadata=asked.metadata,
        callback_url=asked.callback_url,
        idempotency=asked.under(key, KIND.path),
    )
    job = await elsewhere(services.separations.create, caller, order)
    estimate_s = services.separations.estimated_s(job)
    return StemJobCreated.model_validate(told_as_created(job, estimate_s))
