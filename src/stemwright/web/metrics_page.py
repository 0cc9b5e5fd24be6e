"""``/metrics``: readable from the machine itself and networks named, or with a token."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from .addresses import Network
from .forwarded import client_address, is_hidden
from .metrics import Metrics


class MetricsPage:
    """An ASGI app for one route. It knows the caller's address from ``Forwarded`` around it."""

    def __init__(
        self, metrics: Metrics, *, networks: Iterable[Network] = (), token: str = ""
    ) -> None:
        self._metrics = metrics
        self._networks = tuple(networks)
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a reading."""
        answer = await self._read(scope) if self._admits(scope) else self._refusal()
        await answer(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        if self._token and scheme.lower() == "bearer":
            return hmac.compare_digest(token.strip().encode(), self._token)
        # a proxy that nobody vouched for may be on this machine and its caller anywhere
        address = None if is_hidden(scope) else client_address(scope)
        return address is not None and any(address in network for network in self._networks)

    def _refusal(self) -> Response:
        if self._token:
            return JSONResponse(
                {"detail": "A token is needed."}, 401, {"www-authenticate": "Bearer"}
            )
        return JSONResponse({"detail": "Not readable from this address."}, 403)

    async def _read(self, scope: Scope) -> Response:
        accept = Headers(scope=scope).get("accept", "")
        body, content_type = await run_in_threadpool(self._metrics.text, accept)
        return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})
