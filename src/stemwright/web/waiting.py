"""Work that somebody waits for, given up when nobody does any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request

from stemwright.errors import Cancelled

Result = TypeVar("Result")


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
