"""Who may call a route, as a type: every endpoint takes ``Caller`` or ``Anyone``."""

from __future__ import annotations

from typing import Annotated, Final, cast

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from stemwright.features.accounts.account import Principal
from stemwright.web.forwarded import base_url
from stemwright.web.ratelimits import recognise

from .services import StemSplitServices

_DOCUMENTED: Final = HTTPBearer(
    auto_error=False, scheme_name="apiKey", description="A key of your account: `sk_live_…`."
)
"""For the OpenAPI document alone: who a header belongs to, accounts decide."""


# what waits for nothing is async: FastAPI sends everything else through a thread


async def services_of(request: Request) -> StemSplitServices:
    """Find what the application was made with."""
    return cast(StemSplitServices, request.app.state.services)


Services = Annotated[StemSplitServices, Depends(services_of)]


def authenticated(
    request: Request,
    services: Services,
    _documented: Annotated[HTTPAuthorizationCredentials | None, Depends(_DOCUMENTED)],
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Principal:
    """Refuse whoever has no valid key."""
    principal = services.accounts.authenticate(authorization)
    recognise(request.scope)
    return principal


async def unauthenticated() -> None:
    """Let everybody in, on purpose."""


Caller = Annotated[Principal, Depends(authenticated)]
Anyone = Annotated[None, Depends(unauthenticated)]


async def base_url_of(request: Request) -> str:
    """Base of the addresses handed out to this client."""
    return base_url(request.scope)


BaseUrl = Annotated[str, Depends(base_url_of)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        description="Requests with one key are one request, for 24 hours.",
    ),
]
