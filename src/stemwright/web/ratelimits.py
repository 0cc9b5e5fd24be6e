"""Rate limits on a whole HTTP face: who is counted, what is answered, and headers on everything.

A caller is known by the key presented, before any work is done to look that key up. A key that
was never seen to be genuine is counted as the address it comes from, too, unless the app says
meanwhile that it is genuine (``recognise``): whoever tries keys, a new one each time, runs into
the limit of the address. Genuine keys never touch it, so that many users behind one address do
not use up each other's requests.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network
from typing import Final

import anyio
from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stemwright.errors import RateLimited

from .bodies import Render
from .forwarded import client_address
from .windows import Allowance, Windows

_MOST_KEYS: Final = 100_000
_MOST_WAITING: Final = 16
_STANDING: Final = "stemwright.standing"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a request is counted for."""

    address: str
    """A network of 64 bits where the address has 128: that much belongs to one subscriber."""
    key: str | None
    """A hash; none without a key."""


Identify = Callable[[Scope], Caller | None]
"""Whom a request is counted for; none if it is not counted and gets no headers."""


@dataclass(slots=True)
class _Standing:
    genuine: bool


def recognise(scope: Scope) -> None:
    """Say that the key of this request is genuine; the app calls it when it has looked it up."""
    standing = scope.get(_STANDING)
    if standing is not None:
        standing.genuine = True


def caller_of(scope: Scope) -> Caller:
    """The caller by bearer token and address."""
    scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        return Caller(network_of(scope), None)
    return Caller(network_of(scope), hashlib.sha256(token.encode()).hexdigest()[:32])


class RateLimits:
    """Admits so many requests a minute from each caller, and tells each how many are left."""

    def __init__(
        self,
        app: ASGIApp,
        windows_of: Callable[[Scope], Windows],
        *,
        identify: Identify,
        render: Render,
        on_refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._app = app
        self._windows_of = windows_of
        self._identify = identify
        self._render = render
        self._on_refused = on_refused
        self._genuine = _GenuineKeys()
        self._threads: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        caller = self._identify(scope) if scope["type"] == "http" else None
        if caller is None:
            await self._app(scope, receive, send)
            return
        windows = self._windows_of(scope)
        known = caller.key is not None and caller.key in self._genuine
        standing = scope[_STANDING] = _Standing(genuine=known)
        allowance = await self._admit(windows, caller, known=known)
        if not allowance.admitted:
            await self._refuse(scope, receive, send, allowance)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                settled = await self._settle(windows, caller, standing, allowance, known=known)
                _tell(message, settled)
            await send(message)

        await self._app(scope, receive, answer)

    async def _admit(self, windows: Windows, caller: Caller, *, known: bool) -> Allowance:
        if caller.key is None:
            return await self._take(windows, caller.address)
        if not known:
            allowance = await self._ask(windows, windows.look, caller.address)
            if not allowance.admitted:
                return allowance
        return await self._take(windows, caller.key)

    async def _settle(
        self,
        windows: Windows,
        caller: Caller,
        standing: _Standing,
        allowance: Allowance,
        *,
        known: bool,
    ) -> Allowance:
        """Count an unknown key for its address, now that the app had its chance to vouch."""
        if caller.key is None or known:
            return allowance
        if standing.genuine:
            self._genuine.add(caller.key)
            return allowance
        return await self._take(windows, caller.address)

    async def _refuse(
        self, scope: Scope, receive: Receive, send: Send, allowance: Allowance
    ) -> None:
        self._on_refused()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                _tell(message, allowance)
                MutableHeaders(scope=message)["retry-after"] = str(allowance.wait_s)
            await send(message)

        await self._render(scope, RateLimited(allowance.wait_s))(scope, receive, answer)

    async def _take(self, windows: Windows, name: str) -> Allowance:
        return await self._ask(windows, windows.take, name)

    async def _ask(
        self, windows: Windows, question: Callable[[str], Allowance], name: str
    ) -> Allowance:
        if not windows.waits:
            return question(name)
        if self._threads is None:  # threads of its own: those of the app may all be at work
            self._threads = anyio.CapacityLimiter(_MOST_WAITING)
        return await to_thread.run_sync(question, name, limiter=self._threads)


class _GenuineKeys:
    """The keys last seen to be genuine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(self, key: str) -> None:
        with self._lock:
            self._keys[key] = None
            if len(self._keys) > _MOST_KEYS:
                self._keys.popitem(last=False)


def _tell(message: Message, allowance: Allowance) -> None:
    headers = MutableHeaders(scope=message)
    headers["x-ratelimit-limit"] = str(allowance.limit)
    headers["x-ratelimit-remaining"] = str(allowance.remaining)
    headers["x-ratelimit-reset"] = str(allowance.resets_at)


def network_of(scope: Scope) -> str:
    """The address a request is counted for; of IPv6, the network of one subscriber."""
    address = client_address(scope)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address or "unknown")
