"""Who may call a route besides the pages: by a key, by a browser's session, or by either."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from stemwright.features.accounts.service import Accounts
from stemwright.web.ratelimits import recognise

from .visits import Door, Entrance


@dataclass(frozen=True, slots=True)
class Callers:
    """Tells whom requests are from. The body is still unread then."""

    accounts: Accounts
    door: Door

    async def by_key(self, request: Request) -> Entrance:
        """Take a key alone; a browser's session counts for nothing, and no token is asked for.

        Raises
        ------
        AuthError

        """
        header = request.headers.get("authorization")
        principal = await run_in_threadpool(self.accounts.authenticate, header)
        recognise(request.scope)
        return Entrance(principal)

    async def by_session(self, request: Request) -> Entrance:
        """Take a session alone. Where something changes, ``check`` is to be called.

        Raises
        ------
        NotLoggedIn

        """
        return await run_in_threadpool(self.door.entrance, request)

    async def by_either(self, request: Request) -> Entrance:
        """Take a key where one is sent, be it good or not; else a session.

        Raises
        ------
        AuthError

        """
        if "authorization" in request.headers:
            return await self.by_key(request)
        return await self.by_session(request)
