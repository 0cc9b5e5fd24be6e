"""YouTube jobs: the soundtrack of a video, taken apart."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Header

from stemwright.features.separations.orders import OUTPUTS, LinkOrder
from stemwright.web.waiting import elsewhere

from .access import Caller, IdempotencyKey, Services
from .errors import answers
from .job_replies import YoutubeJobCreated, YoutubeJobDetail, YoutubeJobList
from .job_routes import JobKind
from .job_views import told_as_created
from .requests import YoutubeJobRequest

KIND: Final = JobKind("youtube", "/youtube-jobs", "YouTube jobs", YoutubeJobList, YoutubeJobDetail)
router: Final = APIRouter(prefix=KIND.path, tags=[KIND.tag])

_TAKES_NO_ARRAY: Final = "stemsplit-python/0."
"""Clients of this name cannot read the array this API promises, and would lose the job."""


@router.post("", status_code=201, responses=answers(400, 402, 409), name="create YouTube job")
async def create(
    caller: Caller,
    services: Services,
    asked: YoutubeJobRequest,
    key: IdempotencyKey = None,
    user_agent: Annotated[str, Header(include_in_schema=False)] = "",
) -> YoutubeJobCreated:
    """Take the soundtrack of a video apart."""
    order = LinkOrder(
        url=asked.youtube_url,
        metadata=asked.metadata,
        callback_url=asked.callback_url,
        idempotency=asked.under(key, KIND.path),
    )
    job = await elsewhere(services.separations.create_youtube, caller, order)
    outputs = None if user_agent.startswith(_TAKES_NO_ARRAY) else OUTPUTS["BOTH"]
    return YoutubeJobCreated.model_validate(told_as_created(job) | {"outputs": outputs})
