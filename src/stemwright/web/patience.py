"""How long the server waits for a client that neither speaks nor listens.

The library bounds the pause between two requests and nothing else: whoever opens a connection and
sends half a request, or reads no more of an answer, would keep it for ever, and a thousand of them
would keep everybody else out.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

SILENCE_S: Final = 60.0
LEAST_TAKEN: Final = 16_384
_MOST_FILES: Final = 65_536


class PatientProtocol(H11Protocol):
    """Hangs up on requests that do not come and on answers that are not taken.

    The time for a body is for the app to bound: only it knows how large one may be.
    """

    head_s: ClassVar[float] = 20.0
    """From the opening of a connection, or the first byte of a request, to the end of its head."""
    silence_s: ClassVar[float] = SILENCE_S
    """In which at least ``least_taken`` bytes of an answer have to be taken."""
    least_taken: ClassVar[int] = LEAST_TAKEN

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - the library's own
        super().__init__(*args, **options)
        self._owed = _Timer(self.loop)
        self._untaken = Untaken(self.loop, lambda: self.transport, self.silence_s, self.least_taken)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._owed.stop()
        self._untaken.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; the time runs on where they do not complete what is owed."""
        super().data_received(data)
        self._watch()

    def pause_writing(self) -> None:
        """The client takes an answer more slowly than the app gives it."""
        super().pause_writing()
        self._untaken.watch()

    def resume_writing(self) -> None:
        """It has taken nearly all of it."""
        self._untaken.stop()
        super().resume_writing()

    def _should_upgrade(self) -> bool:
        return self.scope["method"] == "GET" and super()._should_upgrade()

    def _watch(self) -> None:
        # a body that is still to come when its answer is complete is owed as a head is
        if self.conn.their_state is not h11.IDLE and self.conn.our_state is not h11.DONE:
            self._owed.stop()
        elif not self._owed.runs:
            self._owed.start(self.head_s, self.transport.abort)


class Untaken:
    """Hangs up when too little of what was written is taken by the client."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: Callable[[], asyncio.Transport],
        silence_s: float = SILENCE_S,
        least_taken: int = LEAST_TAKEN,
    ) -> None:
        self._timer = _Timer(loop)
        self._transport = transport
        self._silence_s = silence_s
        self._least_taken = least_taken

    def watch(self) -> None:
        """Look how much is taken within the time, again and again."""
        untaken = self._transport().get_write_buffer_size()
        self._timer.start(self._silence_s, partial(self._judge, untaken))

    def stop(self) -> None:
        """All of it was taken."""
        self._timer.stop()

    def _judge(self, before: int) -> None:
        transport = self._transport()
        if before - transport.get_write_buffer_size() < self._least_taken:
            transport.abort()
        else:
            self.watch()


class _Timer:
    """Calls back once unless stopped."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    @property
    def runs(self) -> bool:
        return self._handle is not None

    def start(self, seconds: float, call: Callable[[], None]) -> None:
        self._handle = self._loop.call_later(seconds, call)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


def allow_many_connections() -> None:
    """Raise the limit of open files as far as this user may: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft < wanted and soft != resource.RLIM_INFINITY:
        with contextlib.suppress(OSError, ValueError):  # then it stays as it is
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
