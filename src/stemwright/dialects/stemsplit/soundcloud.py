"""SoundCloud jobs: a public track, taken apart."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from stemwright.features.separations.orders import OUTPUTS, LinkOrder
from stemwright.web.waiting import elsewhere

from .access import Caller, IdempotencyKey, Services
from .errors import answers
from .job_replies import SoundcloudJobCreated, SoundcloudJobDetail, SoundcloudJobList
from .job_routes import JobKind
from .job_views import told_as_created
from .requests import SoundcloudJobRequest

KIND: Final = JobKind(
    "soundcloud", "/soundcloud-jobs", "SoundCloud jobs", SoundcloudJobList, SoundcloudJobDetail
)
router: Final = APIRouter(prefix=KIND.path, tags=[KIND.tag])


@router.post("", status_code=201, responses=answers(400, 402, 409), name="create SoundCloud job")
async def create(
    caller: Caller, services: Services, asked: SoundcloudJobRequest, key: IdempotencyKey = None
) -> SoundcloudJobCreated:
    """Take a track apart."""
    order = LinkOrder(
        url=asked.soundcloud_url,
        metadata=asked.metadata,
        callback_url=asked.callback_url,
        idempotency=asked.under(key, KIND.path),
    )
    job = await elsewhere(services.separations.create_soundcloud, caller, order)
    return SoundcloudJobCreated.model_validate(told_as_created(job) | {"outputs": OUTPUTS["BOTH"]})
