"""Sockets under uvicorn: no address in a log, no waiting for clients that take nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from starlette.types import Scope
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from .patience import Untaken

MOST_BYTES: Final = 64 * 1024
"""Of one frame; the client that sends more is closed with 1009."""
_SILENCE: Final = "stemwright.silence"

_quiet = logging.getLogger("stemwright.sockets")
# at its lower levels the library writes whole addresses, and keys are among their parameters
_quiet.setLevel(logging.WARNING)


class SocketProtocol(WebSocketsSansIOProtocol):
    """Knows how long a client has been silent, and hangs up on one that does not read."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - the library's own
        super().__init__(*args, **options)
        self.logger = _quiet
        self.conn.logger = _quiet
        self.conn.debug = False
        self._heard_at = self.loop.time()
        self._untaken = Untaken(self.loop, lambda: self.transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes, also those of pings, which the app never sees."""
        self._heard_at = self.loop.time()
        super().data_received(data)

    def handle_connect(self, event: Any) -> None:  # noqa: ANN401 - the library's own
        """Begin to serve; the app can ask for the silence."""
        super().handle_connect(event)
        if not self.close_sent:
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[_SILENCE] = self._silence

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._untaken.stop()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client takes frames more slowly than the app gives them."""
        super().pause_writing()
        self._untaken.watch()

    def resume_writing(self) -> None:
        """It has taken nearly all of them."""
        self._untaken.stop()
        super().resume_writing()

    def _silence(self) -> float:
        return self.loop.time() - self._heard_at


UVICORN: Final[Mapping[str, Any]] = {
    "ws": SocketProtocol,
    "ws_max_size": MOST_BYTES,
    "ws_ping_interval": None,  # clients send heartbeats of their own; who does not is idle
    "ws_per_message_deflate": False,
}
"""How uvicorn is to be set up."""


def silence_of(scope: Scope) -> Callable[[], float]:
    """Tell for how long the client has sent nothing at all, as far as the server can say."""
    found = scope.get("extensions", {}).get(_SILENCE)
    return cast("Callable[[], float]", found) if found else lambda: float("inf")
