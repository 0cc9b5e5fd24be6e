"""Leaves a site alone for a while after it has thrown us out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from stemwright.errors import ServiceUnavailable


class Breaker:
    """Shared by the threads of a process; every repeat would make the wall last longer."""

    def __init__(self, pause_s: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._until = float("-inf")
        self._reason = ""

    def check(self) -> None:
        """Refuse with the reason it was tripped for, while that is not long ago."""
        with self._lock:
            pausing, reason = self._clock() < self._until, self._reason
        if pausing:
            raise ServiceUnavailable(reason)

    def trip(self, reason: str) -> None:
        with self._lock:
            self._until = self._clock() + self._pause_s
            self._reason = reason
