"""What waits to be sent to one client, bounded: a slow one costs memory, but not much."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

MOST_FRAMES: Final = 256


class Full(Exception):
    """Nothing that waits may be left out."""


class Outbox:
    """A queue between the tasks of one event loop."""

    def __init__(self, most: int = MOST_FRAMES) -> None:
        self._most = most
        self._frames: deque[tuple[str, str | None]] = deque()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        """How many frames wait."""
        return len(self._frames)

    def put(self, text: str, *, state_of: str | None = None) -> None:
        """Append a frame, which is all of the state of something or must not be left out.

        Raises
        ------
        Full

        """
        self._frames.append((text, state_of))
        if len(self._frames) > self._most:
            self._drop_superseded()
        if len(self._frames) > self._most:
            raise Full
        self._filled.set()

    async def take(self) -> str:
        """Wait for the next frame."""
        while not self._frames:
            self._filled.clear()
            await self._filled.wait()
        return self._frames.popleft()[0]

    def _drop_superseded(self) -> None:
        newest = {state_of: place for place, (_, state_of) in enumerate(self._frames)}
        self._frames = deque(
            (text, state_of)
            for place, (text, state_of) in enumerate(self._frames)
            if state_of is None or newest[state_of] == place
        )
