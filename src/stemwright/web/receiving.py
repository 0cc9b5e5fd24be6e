"""The body of a request, piece by piece, from clients of which any may go away or fall silent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import anyio
from starlette.requests import Request

from stemwright.errors import UploadIncomplete

_BLOCK_BYTES: Final = 1 << 20
_DISCARDED_BYTES: Final = 64 << 20
_DISCARDED_S: Final = 10.0
_LONGEST_S: Final = 3600.0
"""For a whole file; then whoever sends a byte now and then is taken for gone, too."""


class Body:
    """What a client sends, piece by piece, until it is done, gone, or silent for too long."""

    def __init__(self, request: Request, silence_s: float) -> None:
        self._receive = request.receive
        self._silence_s = silence_s
        self._ends_at = anyio.current_time() + _LONGEST_S
        self._more = True
        # such a client sends nothing before it is asked to, which the first `receive` does
        self._waits = request.headers.get("expect", "").lower() == "100-continue"

    async def blocks(self) -> AsyncIterator[bytes]:
        """Join what the network delivers, since each block costs a change of threads."""
        waiting = bytearray()
        while self._more:
            waiting += await self._piece()
            if len(waiting) >= _BLOCK_BYTES:
                yield bytes(waiting)
                waiting.clear()
        if waiting:
            yield bytes(waiting)

    async def discard(self) -> None:
        """Read on, within reason, for the sake of a client that is refused.

        Closing a connection with unread bytes resets it, and many a client then reports that
        instead of the answer.
        """
        left = 0 if self._waits else _DISCARDED_BYTES
        with anyio.move_on_after(_DISCARDED_S):
            while self._more and left > 0:
                left -= len(await self._piece())

    async def _piece(self) -> bytes:
        self._waits = False
        message = None
        with anyio.move_on_after(min(self._silence_s, self._ends_at - anyio.current_time())):
            message = await self._receive()
        if message is None or message["type"] == "http.disconnect":
            self._more = False
            raise UploadIncomplete("The connection ended before the file did. Send it again.")
        self._more = message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece
