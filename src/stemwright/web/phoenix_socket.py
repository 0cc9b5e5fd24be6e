"""The socket of Phoenix Channels: the conversation carried out, frame by frame.

Each socket has a task that reads, one that writes, and a bounded queue between; a slow client
delays nobody but itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Message as AsgiMessage
from starlette.types import Receive, Scope, Send

from stemwright.kit import logs

from . import phoenix
from .feeds import Feed, Stop, Update
from .forwarded import client_address
from .live import GOING_AWAY, LiveConnections, TooMany
from .outbox import MOST_FRAMES, Full, Outbox
from .phoenix_door import SUBPROTOCOL, Door, NotAdmitted, offered
from .ratelimits import caller_of
from .sockets import MOST_BYTES, silence_of

PATH: Final = "/socket/websocket"
IDLE_S: Final = 60.0
TOO_LARGE: Final = 1009
TOO_SLOW: Final = 1013
_CLOSE_S: Final = 5.0
_MOST_ASKING: Final = 4
"""Threads that look up who may come in: after a restart all clients come back at once, and
requests of other kinds do not wait behind them."""

log = logs.get_logger(__name__)


class JoinRefused(Exception):
    """Somebody may not join a topic; the text is what the client is told."""

    @property
    def reason(self) -> str:
        """Why."""
        return str(self)


class Topics(Protocol):
    """What there is to join."""

    def is_known(self, topic: str) -> bool:
        """Whether a topic is of a kind that exists; does not block."""
        ...

    def admit(self, topic: str, caller: Hashable | None) -> Feed:
        """Decide whether somebody may join; may block.

        Raises
        ------
        JoinRefused

        """
        ...


@dataclass(frozen=True, slots=True)
class PhoenixSocket:
    """The endpoint of all sockets."""

    door: Door
    topics: Topics
    live: LiveConnections
    idle_s: float = IDLE_S
    most_frames: int = MOST_FRAMES
    threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_MOST_ASKING))

    def routes(self) -> list[BaseRoute]:
        """Where it is to be found; who comes without an upgrade is told so."""
        methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        return [WebSocketRoute(PATH, self), Route(PATH, _no_upgrade, methods=methods)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket from its opening to its end."""
        await receive()  # its wish to open
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        try:
            version, caller = await self._admit(scope)
            leave = self.live.enter(_counted(caller, scope), _ending(ended))
        except (NotAdmitted, TooMany) as refusal:
            _note("socket refused", scope, reason=str(refusal))
            await send({"type": "websocket.close", "code": GOING_AWAY})  # not open yet: a 403
            return
        try:
            await send({"type": "websocket.accept", "subprotocol": _answered(scope)})
            session = _Session(self, scope, receive, send, version, caller, ended)
            _note("socket closed", scope, code=await session.run())
        finally:
            leave()

    async def _admit(self, scope: Scope) -> tuple[phoenix.Version, Hashable | None]:
        version = phoenix.version_of(QueryParams(scope.get("query_string", b"")).get("vsn"))
        if version is None:
            raise NotAdmitted("unknown version")
        return version, await to_thread.run_sync(self.door.admit, scope, limiter=self.threads)


class _End(Exception):
    """The socket is to be closed, with a code, unless the client did."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class _Session:
    """One open socket."""

    def __init__(
        self,
        settings: PhoenixSocket,
        scope: Scope,
        receive: Receive,
        send: Send,
        version: phoenix.Version,
        caller: Hashable | None,
        ended: asyncio.Future[int],
    ) -> None:
        self._topics = settings.topics
        self._threads = settings.threads
        self._idle_s = settings.idle_s
        self._silence = silence_of(scope)
        self._receive = receive
        self._send = send
        self._caller = caller
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._conversation = phoenix.Conversation(version, is_known=settings.topics.is_known)
        self._outbox = Outbox(settings.most_frames)
        self._feeds: dict[str, tuple[object, Stop]] = {}

    async def run(self) -> int | None:
        """Serve until the end; its code if it came from here."""
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        try:
            waited: list[asyncio.Future[Any]] = [*tasks, self._ended]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            code = self._code(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for _, stop in self._feeds.values():
                stop()
        if code is not None:
            await self._close(code)
        return code

    def _code(self, tasks: list[asyncio.Task[None]]) -> int | None:
        if self._ended.done():
            return self._ended.result()
        for error in (task.exception() for task in tasks if task.done()):
            if isinstance(error, _End):
                return error.code
            if error is not None:
                raise error
        return None

    async def _close(self, code: int) -> None:
        # a client that reads nothing does not get this either; the protocol below hangs up
        with suppress(OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._send({"type": "websocket.close", "code": code})

    # ------------------------------------------------------------------------------------- tasks

    async def _write(self) -> None:
        while True:
            text = await self._outbox.take()
            try:
                await self._send({"type": "websocket.send", "text": text})
            except OSError as error:  # the client is gone
                raise _End(None) from error

    async def _read(self) -> None:
        while True:
            message = await self._next()
            if message["type"] == "websocket.disconnect":
                raise _End(None)
            try:
                actions = self._heard(message)
            except phoenix.BadFrame as error:
                raise _End(phoenix.BAD_FRAME) from error
            for action in actions:
                await self._carry_out(action)

    async def _next(self) -> AsgiMessage:
        """Wait for a frame, for as long as the client shows any sign of life."""
        waited_from = self._loop.time()
        while True:
            silence_s = min(self._silence(), self._loop.time() - waited_from)
            if silence_s >= self._idle_s:
                raise _End(GOING_AWAY)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._idle_s - silence_s):
                    return await self._receive()

    def _heard(self, message: AsgiMessage) -> list[phoenix.Action]:
        text, data = message.get("text"), message.get("bytes")
        if len(text or data or "") > MOST_BYTES:
            raise _End(TOO_LARGE)
        if text is not None:
            return self._conversation.hear(text)
        return self._conversation.hear_binary(data or b"")

    # ----------------------------------------------------------------------------------- actions

    async def _carry_out(self, action: phoenix.Action) -> None:
        if isinstance(action, phoenix.Join):
            await self._join(action)
        else:
            self._do(action)

    def _do(self, action: phoenix.Action) -> None:
        if isinstance(action, phoenix.Send):
            self._put(action.text)
        elif isinstance(action, phoenix.Left) and action.topic in self._feeds:
            _, stop = self._feeds.pop(action.topic)
            stop()

    async def _join(self, join: phoenix.Join) -> None:
        try:
            feed = await to_thread.run_sync(
                self._topics.admit, join.topic, self._caller, limiter=self._threads
            )
        except JoinRefused as refusal:
            self._do_all(self._conversation.refused(join, refusal.reason))
        except Exception:
            # the edge of one join: the client tries again by itself
            log.exception("join failed")
            self._do_all(self._conversation.refused(join, "join crashed"))
        else:
            self._do_all(self._conversation.joined(join))
            instance = object()
            deliver = partial(self._deliver, join.topic, instance)
            self._feeds[join.topic] = instance, feed(deliver)

    def _do_all(self, actions: Iterable[phoenix.Action]) -> None:
        for action in actions:
            self._do(action)

    def _deliver(self, topic: str, instance: object, update: Update) -> None:
        """Hand an update over from whichever thread brings it."""
        with suppress(RuntimeError):  # the loop has ended, and with it the socket
            self._loop.call_soon_threadsafe(self._push, topic, instance, update)

    def _push(self, topic: str, instance: object, update: Update) -> None:
        joined, _ = self._feeds.get(topic, (None, None))
        if joined is not instance:
            return
        for message in update.messages:
            text = self._conversation.push(topic, message)
            if text is not None:
                self._put(text, f"{topic} {message.event}" if message.is_state else None)

    def _put(self, text: str, state_of: str | None = None) -> None:
        try:
            self._outbox.put(text, state_of=state_of)
        except Full:
            if not self._ended.done():
                self._ended.set_result(TOO_SLOW)


def _ending(ended: asyncio.Future[int]) -> Callable[[int], None]:
    loop = ended.get_loop()

    def end_here(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    def end(code: int) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(end_here, code)

    return end


def _counted(caller: Hashable | None, scope: Scope) -> Hashable:
    return caller_of(scope).address if caller is None else caller


def _answered(scope: Scope) -> str | None:
    return SUBPROTOCOL if SUBPROTOCOL in offered(scope) else None


def _note(event: str, scope: Scope, **fields: object) -> None:
    """Write a line without the query, which holds the key."""
    log.info(event, path=scope["path"], client=str(client_address(scope) or "unknown"), **fields)


async def _no_upgrade(_request: Request) -> Response:
    return Response(status_code=400)
