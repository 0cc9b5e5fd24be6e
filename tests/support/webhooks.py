"""Webhooks put together as the product does, on a queue and a clock that a test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.features.webhooks.ports import TASK
from stemwright.features.webhooks.service import Webhooks
from stemwright.features.webhooks.signing import WebhookSecrets
from stemwright.features.webhooks.tasks import Courier
from stemwright.features.webhooks.webhook import Event
from stemwright.jobs.job import Job
from stemwright.jobs.service import Jobs, NewJob, Outcome
from stemwright.web.addresses import AddressPolicy
from stemwright.web.client import GuardedClient

from .task_queue import FakeClock, FakeTaskQueue

OWNER = "usr_me"
LOOPBACK = AddressPolicy.parse(("127.0.0.0/8",))


@dataclass
class Names:
    """A name server: any name leads to the loopback until told otherwise; addresses stay."""

    known: dict[str, list[str]] = field(default_factory=dict)

    def resolve(self, host: str, port: int) -> list[str]:
        if host.replace(".", "").isdecimal():
            return [host]
        found = self.known.get(host, ["127.0.0.1"])
        if not found:
            raise OSError("no such name")
        return found


class Bench:
    """Everything a webhook passes through; close it after use."""

    def __init__(self, url: str, policy: AddressPolicy = LOOPBACK) -> None:
        self.database = Database(url)
        Table.metadata.create_all(self.database.engine)
        self.clock, self.names, self.outcomes = FakeClock(), Names(), list[str]()
        self.queue = FakeTaskQueue(self.clock)
        self.client = GuardedClient(policy, resolve=self.names.resolve)
        self.secrets = WebhookSecrets(["the instance's secret"])
        self.rendered = 0
        self.webhooks = Webhooks(
            self.database, self.queue, self.secrets, self.client.check_name, clock=self.clock
        )
        self.courier = Courier(
            self.database,
            self.queue,
            self.client,
            self.secrets,
            self.render,
            self.outcomes.append,
            clock=self.clock,
        )
        self.jobs = Jobs(self.database, self.queue, clock=self.clock)
        self.jobs.on_ended.append(self.webhooks.job_ended)
        self.queue.tasks = {TASK: self.courier.deliver}

    def render(self, job: Job, event: Event) -> dict[str, Any]:
        self.rendered += 1
        status = {"cancelled": "FAILED"}.get(job.status, job.status.upper())
        data = {"jobId": job.id, "status": status, "rendering": self.rendered}
        return {"event": event, "timestamp": self.clock().isoformat(), "data": data}

    def job(self, owner: str = OWNER, **request: object) -> Job:
        """A job that waits."""
        new = NewJob(kind="stems", owner=owner, request=request, facts={})
        with self.database.transaction() as session:
            return self.jobs.create(session, new)

    def ended(self, owner: str = OWNER, **request: object) -> Job:
        """A job that was completed."""
        job = self.jobs.begin(self.job(owner, **request).id)
        assert job is not None
        assert self.jobs.complete(job, Outcome())
        return self.jobs.find(owner, job.id)

    def run_due(self) -> int:
        return self.queue.run_due(TASK)

    def run_next(self) -> float | None:
        return self.queue.run_next(TASK)
