"""Places for few at a time, of which nobody may have all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import CapacityLimiter


@dataclass(slots=True)
class _Own:
    limiter: CapacityLimiter
    users: int = 0
    """Requests that have or await a place: the last one takes this away."""


class Places:
    """So many in all, and so many for each owner; whoever finds none free waits."""

    def __init__(self, count: int, *, each: int) -> None:
        self._all = CapacityLimiter(count)
        self._each = each
        self._owners: dict[str, _Own] = {}

    @asynccontextmanager
    async def one(self, owner: str) -> AsyncIterator[None]:
        """Have a place."""
        own = self._owners.setdefault(owner, _Own(CapacityLimiter(self._each)))
        own.users += 1
        try:
            async with taken(own.limiter), taken(self._all):
                yield
        finally:
            own.users -= 1
            if not own.users:
                del self._owners[owner]


@asynccontextmanager
async def taken(limiter: CapacityLimiter) -> AsyncIterator[None]:
    """Have one of its places for what is begun here, which may be ended by another task."""
    place = object()
    await limiter.acquire_on_behalf_of(place)
    try:
        yield
    finally:
        limiter.release_on_behalf_of(place)
