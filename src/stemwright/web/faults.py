"""The last one to see an exception: writes it down and answers if nobody has."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stemwright.errors import StemwrightError
from stemwright.kit import logs

from .bodies import Render

_log = logs.get_logger(__name__)


class Faults:
    """Keeps exceptions from the server below, whose log knows no request ids."""

    def __init__(self, app: ASGIApp, *, render: Render) -> None:
        self._app = app
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            _log.info("request.abandoned")
        except Exception:  # noqa: BLE001  # the edge of the process
            _log.exception("request.failed")
            if not started:
                fault = StemwrightError(
                    "Something went wrong here. Try again; if it goes on so, report it."
                )
                await self._render(scope, fault)(scope, receive, send)
