"""Who may call a route, as a type: every endpoint takes one of these."""

from __future__ import annotations

from typing import Annotated, Final, cast

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from stemwright.features.accounts.account import Principal
from stemwright.web.cookies import SESSION

from .services import ForgeServices
from .visits import Entrance

# for the document alone: whose a header or cookie is, accounts and sessions decide
_KEY: Final = HTTPBearer(
    auto_error=False, scheme_name="apiKey", description="A key of your account: `sk_live_…`."
)
_COOKIE: Final = APIKeyCookie(
    name=SESSION,
    auto_error=False,
    scheme_name="session",
    description="Of a browser that is logged in; what changes something also needs the header "
    "`x-csrf-token`.",
)
_Key = Annotated[HTTPAuthorizationCredentials | None, Depends(_KEY)]
_Cookie = Annotated[str | None, Depends(_COOKIE)]


async def services_of(request: Request) -> ForgeServices:
    """Find what the application was made with."""
    return cast(ForgeServices, request.app.state.services)


Services = Annotated[ForgeServices, Depends(services_of)]


async def by_key(request: Request, services: Services, _documented: _Key) -> Principal:
    """Refuse whoever has no valid key."""
    return (await services.callers.by_key(request)).principal


async def by_session(request: Request, services: Services, _documented: _Cookie) -> Entrance:
    """Refuse whoever is not logged in; the endpoint that changes something asks for the token."""
    return await services.callers.by_session(request)


async def by_either(request: Request, services: Services, _key: _Key, _cookie: _Cookie) -> Entrance:
    """Take a key where one is sent, else a session."""
    return await services.callers.by_either(request)


async def unauthenticated() -> None:
    """Let everybody in, on purpose."""


Caller = Annotated[Principal, Depends(by_key)]
Browser = Annotated[Entrance, Depends(by_session)]
Either = Annotated[Entrance, Depends(by_either)]
Anyone = Annotated[None, Depends(unauthenticated)]

DECLARED: Final = frozenset({by_key, by_session, by_either, unauthenticated})
"""One of these is a dependency of every endpoint."""
