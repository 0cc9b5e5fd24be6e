"""What the four kinds of job have in common: a list, a job by itself, and how one is accepted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import BeforeValidator, Field

from stemwright.jobs.job import Page, Status

from .access import BaseUrl, Caller, Services
from .errors import answers
from .job_replies import JobDetail, JobList
from .job_views import WIRE_STATUS, Links, told_of
from .services import StemSplitServices
from .wire import ANY_CASE, Asked, JobStatus

_LARGEST_OFFSET: Final = 2**31 - 1


def _absent_if_empty(sent: object) -> object:
    return None if sent == "" else sent


class Paging(Asked):
    """Which part of a list: out of range is brought into range."""

    limit: Annotated[int | None, BeforeValidator(_absent_if_empty)] = Field(
        None, description="1 to 100, 20 when left out."
    )
    offset: Annotated[int | None, BeforeValidator(_absent_if_empty)] = Field(
        None, description="How many newer jobs to leave out."
    )
    status: Annotated[JobStatus | None, ANY_CASE, BeforeValidator(_absent_if_empty)] = Field(
        None, description="Only jobs in this state."
    )

    @property
    def first(self) -> int:
        """The offset meant."""
        return min(max(self.offset or 0, 0), _LARGEST_OFFSET)

    @property
    def most(self) -> int:
        """The limit meant."""
        return min(max(20 if self.limit is None else self.limit, 1), 100)

    @property
    def statuses(self) -> Collection[Status] | None:
        """The states meant; several of ours are one of the contract's."""
        if not self.status:
            return None
        return tuple(ours for ours, wire in WIRE_STATUS.items() if wire == self.status)


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of job: its name in ours and its path, its schemas in the contract's words."""

    name: str
    path: str
    tag: str
    list: type[JobList]
    detail: type[JobDetail]

    def reading(self) -> APIRouter:
        """Make the routes that list and show jobs of this kind."""
        router = APIRouter(prefix=self.path, tags=[self.tag])
        schema, kinds = self.list, (self.name,)

        @router.get("", response_model=schema, responses=answers(400), name=f"list {self.tag}")
        def list_jobs(
            caller: Caller, services: Services, paging: Annotated[Paging, Query()]
        ) -> JobList:
            page = services.jobs.page(
                caller.owner, kinds, paging.statuses, paging.most, paging.first
            )
            return schema.model_validate(told_of_page(page, paging))

        @router.get(
            "/{id}", response_model=self.detail, responses=answers(404), name=f"get {self.tag}"
        )
        def get_job(
            caller: Caller,
            services: Services,
            base_url: BaseUrl,
            job_id: Annotated[str, Path(alias="id")],
        ) -> JobDetail:
            job = services.jobs.find(caller.owner, job_id, kinds)
            outputs = links(services, base_url).outputs(job)
            return self.detail.model_validate(told_of(job) | {"outputs": outputs})

        return router


def told_of_page(page: Page, paging: Paging) -> dict[str, Any]:
    """A list, and where its part lies in the whole."""
    seen = paging.first + len(page.jobs)
    return {
        "jobs": [told_of(job) for job in page.jobs],
        "pagination": {
            "total": page.total,
            "limit": paging.most,
            "offset": paging.first,
            "has_more": bool(page.jobs) and seen < page.total,
        },
    }


def links(services: StemSplitServices, base_url: str) -> Links:
    """Addresses that work from now on for as long as the operator decided."""
    return Links(services.storage, base_url, services.clock() + services.url_ttl)
