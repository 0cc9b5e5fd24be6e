"""Webhooks: their routes, and what is sent to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path

from stemwright.features.webhooks.webhook import Event
from stemwright.jobs.job import Job
from stemwright.kit.clock import utc_now
from stemwright.storage.base import Storage
from stemwright.web.waiting import elsewhere

from .access import Caller, Services
from .errors import answers
from .job_views import Links, told_of
from .replies import (
    DenoiseEventJob,
    SoundcloudEventJob,
    StemEventJob,
    WebhookCreated,
    WebhookDeleted,
    WebhookEvent,
    WebhookItem,
    WebhookList,
    YoutubeEventJob,
)
from .requests import WebhookRequest
from .wire import Told

router: Final = APIRouter(prefix="/webhooks", tags=["webhooks"])


@router.post("", status_code=201, responses=answers(400), name="create webhook")
async def create(caller: Caller, services: Services, asked: WebhookRequest) -> WebhookCreated:
    """Have an address told of jobs that end. The secret in the reply is not shown again."""
    made = await elsewhere(services.webhooks.register, caller.owner, asked.url, asked.events)
    return WebhookCreated.model_validate(made, from_attributes=True)


@router.get("", responses=answers(), name="list webhooks")
def list_all(caller: Caller, services: Services) -> WebhookList:
    """All webhooks of the account."""
    found = services.webhooks.list(caller.owner)
    told = [WebhookItem.model_validate(webhook, from_attributes=True) for webhook in found]
    return WebhookList(webhooks=told)


@router.delete("/{id}", responses=answers(404), name="delete webhook")
def delete(
    caller: Caller, services: Services, webhook_id: Annotated[str, Path(alias="id")]
) -> WebhookDeleted:
    """Tell this address of nothing more."""
    services.webhooks.delete(caller.owner, webhook_id)
    return WebhookDeleted()


# ---------------------------------------------------------------------------------- what is sent

_SCHEMAS: Final[Mapping[str, type[Told]]] = {
    "stems": StemEventJob,
    "youtube": YoutubeEventJob,
    "soundcloud": SoundcloudEventJob,
    "denoise": DenoiseEventJob,
}


@dataclass(frozen=True, slots=True)
class EventRenderer:
    """Makes the body of a delivery."""

    storage: Storage
    base_url: str
    """Of this service: a delivery answers no request that would tell."""
    url_ttl: timedelta = timedelta(hours=1)
    clock: Callable[[], datetime] = utc_now

    def __call__(self, job: Job, event: Event) -> dict[str, Any]:
        """Tell of the end of a job; the addresses of its files work from now on for a while."""
        now = self.clock()
        links = Links(self.storage, self.base_url, now + self.url_ttl)
        told = told_of(job)
        told |= {
            "job_id": job.id,
            "input": {**told, **told["input"]},
            "outputs": links.outputs(job),
        }
        body = WebhookEvent(
            event=event,
            timestamp=now,
            job_id=job.id,
            data=_SCHEMAS[job.kind].model_validate(told).model_dump(mode="json", by_alias=True),
        )
        return body.model_dump(mode="json", by_alias=True)
