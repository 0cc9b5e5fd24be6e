"""The channels of this API: who may hear of a job, and how it is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from typing import Final

from stemwright.errors import AuthError, JobNotFound
from stemwright.features.accounts.account import Principal
from stemwright.features.accounts.service import RIGHTS, Accounts
from stemwright.jobs.events import JobEvents
from stemwright.jobs.service import Jobs
from stemwright.web.feeds import Deliver, Feed, Stop
from stemwright.web.live import Evictions
from stemwright.web.phoenix_socket import JoinRefused

from .progress import Renderer

_TOPIC: Final = "jobs:"
OWNERLESS: Final = ""

Refuser = Callable[[Collection[Principal]], set[Principal]]
"""Picks those who were let in and would not be any more."""


class JobTopics:
    """Topics ``jobs:<id>``, of jobs of either API."""

    def __init__(self, jobs: Jobs, events: JobEvents, render: Renderer) -> None:
        self._jobs = jobs
        self._events = events
        self._render = render

    def is_known(self, topic: str) -> bool:
        """Whether this is the topic of some job, be there one or not."""
        return topic.startswith(_TOPIC)

    def admit(self, topic: str, caller: Hashable | None) -> Feed:
        """Let a job's owner hear of it, and anybody of a job without an owner.

        Raises
        ------
        JoinRefused

        """
        try:
            job = self._jobs.find(None, topic.removeprefix(_TOPIC))
        except JobNotFound as error:
            raise JoinRefused("not found") from error
        owner = caller.owner if isinstance(caller, Principal) else OWNERLESS
        if job.owner not in {owner, OWNERLESS}:
            raise JoinRefused("unauthorized")
        return self.feed(job.id)

    def feed(self, job_id: str) -> Feed:
        """What is told of a job to whom may hear it."""

        def start(deliver: Deliver) -> Stop:
            return self._events.watch(job_id, lambda event: deliver(self._render(event)))

        return start


def by_key(accounts: Accounts) -> Callable[[str], Principal | None]:
    """Look keys up that come without a header around them."""

    def look_up(token: str) -> Principal | None:
        try:
            return accounts.authenticate(f"Bearer {token}")
        except AuthError:
            return None

    return look_up


def unwelcome(*refusers: Refuser) -> Callable[[Collection[Hashable]], Collection[Hashable]]:
    """Pick callers whom anybody refuses by now: accounts for their keys, sessions for browsers."""

    def pick(callers: Collection[Hashable]) -> Collection[Hashable]:
        known = [it for it in callers if isinstance(it, Principal)]
        return set[Principal]().union(*(refused_now(known) for refused_now in refusers))

    return pick


def heard_by(events: JobEvents, evictions: Evictions) -> Callable[[Collection[str] | None], None]:
    """Pass on what other processes announce."""

    def heard(names: Collection[str] | None) -> None:
        events.hint(names)
        if names is None or any(name.startswith(RIGHTS) for name in names):
            evictions.hint()

    return heard
