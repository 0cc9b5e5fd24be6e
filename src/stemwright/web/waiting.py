"""Requests that take long: some wait for other servers, some are given up when nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Final, ParamSpec, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request

from stemwright.errors import Cancelled, ServiceUnavailable

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")

_PATIENCE_S: Final = 10.0
_ELSEWHERE: Final = CapacityLimiter(32)
"""Threads that wait for other servers. All the others are for what is answered here, at once."""


async def elsewhere(
    work: Callable[Arguments, Result], *args: Arguments.args, **options: Arguments.kwargs
) -> Result:
    """Do work in a thread that may wait for other servers, for half a minute at worst.

    Raises
    ------
    ServiceUnavailable
        So many requests wait for other servers that this one would not be answered in time.
    Exception
        Whatever the work raises.

    """
    place = object()
    with anyio.move_on_after(_PATIENCE_S) as wait:
        await _ELSEWHERE.acquire_on_behalf_of(place)
    if wait.cancelled_caught:
        raise ServiceUnavailable(
            "Too many requests wait for other servers just now. Try again in a minute."
        )
    try:
        # the place that was taken is what bounds the threads
        return await to_thread.run_sync(partial(work, *args, **options), limiter=CapacityLimiter(1))
    finally:
        _ELSEWHERE.release_on_behalf_of(place)


async def while_connected(
    request: Request, work: Callable[[Callable[[], bool]], Result], limiter: CapacityLimiter
) -> Result:
    """Do work in a thread; it is given a function that tells whether the client went away.

    The body of the request must have been read.

    Raises
    ------
    Cancelled
        The client went away.
    Exception
        Whatever the work raises.

    """
    gone = threading.Event()
    done: list[Result] = []
    failure: BaseException | None = None

    async def watch(scope: anyio.CancelScope) -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()
        scope.cancel()  # of no effect on a thread, but on the wait for one

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(watch, group.cancel_scope)
            done.append(await to_thread.run_sync(work, gone.is_set, limiter=limiter))
            group.cancel_scope.cancel()
    except BaseExceptionGroup as failures:
        failure = failures.exceptions[0]
    if failure is not None:
        raise failure  # out here, so that it keeps its own cause
    if not done:
        raise Cancelled("The client went away.")
    return done[0]
