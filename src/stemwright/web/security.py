"""Headers that tell browsers to do no more with an answer than is meant."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS: Final = {
    "x-content-type-options": "nosniff",
    # "no-referrer" would also blank the Origin of forms, which protects them
    "referrer-policy": "same-origin",
}
_PAGE_POLICY: Final = "frame-ancestors 'none'"
# A browser shows a sound file in a page of its own, which may load that file and nothing else.
_OTHER_POLICY: Final = "default-src 'none'; media-src 'self'; frame-ancestors 'none'"


class SecurityHeaders:
    """Adds what is missing and leaves what an inner app decided; removes ``Server``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, answer)


def _complete(headers: MutableHeaders) -> None:
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    page = headers.get("content-type", "").startswith("text/html")
    headers.setdefault("content-security-policy", _PAGE_POLICY if page else _OTHER_POLICY)
    del headers["server"]
