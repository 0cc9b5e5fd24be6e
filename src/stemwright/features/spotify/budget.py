"""How long one piece of work may take, and when Spotify wants to be left alone."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stemwright.errors import SpotifyFailed

_LONGEST_PAUSE_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Patience:
    """What somebody who waits for an answer puts up with."""

    total_s: float
    longest_wait_s: float
    """Longest pause of Spotify's that is sat out."""
    call_s: float = 10.0
    """Longest a single call may take."""


IN_A_REQUEST: Final = Patience(total_s=25.0, longest_wait_s=5.0)
IN_A_WORKER: Final = Patience(total_s=300.0, longest_wait_s=60.0)


@dataclass(frozen=True, slots=True)
class Timing:
    """The clock that durations are taken from, and what waits; tests have their own."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Budget:
    """The time that is left for one piece of work."""

    def __init__(self, patience: Patience, timing: Timing) -> None:
        self.timing = timing
        self._patience = patience
        self._end = timing.monotonic() + patience.total_s

    def left(self) -> float:
        """Seconds."""
        return self._end - self.timing.monotonic()

    def part(self, seconds: float) -> Budget:
        """Set aside a part of what is left."""
        patience = self._patience
        return Budget(
            Patience(min(seconds, self.left()), patience.longest_wait_s, patience.call_s),
            self.timing,
        )

    def for_a_call(self) -> float:
        """Seconds that the next call may take.

        Raises
        ------
        SpotifyFailed
            There are none.

        """
        left_s = self.left()
        if left_s <= 0:
            raise SpotifyFailed("Spotify did not answer in time. Try again later.")
        return min(left_s, self._patience.call_s)

    def allows(self, wait_s: float) -> bool:
        """Whether waiting so long leaves time to go on."""
        return wait_s <= self._patience.longest_wait_s and wait_s < self.left()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.timing.sleep(seconds)


class Pause:
    """Until when nothing is to be asked; one per host and process, as limits are per app."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._lock = threading.Lock()
        self._until = -math.inf

    def lengthen(self, seconds: float) -> None:
        """Begin, or go on, for so long from now."""
        until = self._timing.monotonic() + min(seconds, _LONGEST_PAUSE_S)
        with self._lock:
            self._until = max(self._until, until)

    def sit_out(self, budget: Budget) -> None:
        """Wait for its end.

        Raises
        ------
        SpotifyFailed
            That is too long for this budget; the error says how long.

        """
        left_s = self._left()
        if left_s <= 0:
            return
        if not budget.allows(left_s):
            seconds = math.ceil(left_s)
            raise SpotifyFailed(
                f"Spotify limits how much this server may ask. Try again in {seconds} s.",
                status=429,
                retry_after_s=seconds,
            )
        budget.wait(left_s)

    def _left(self) -> float:
        with self._lock:
            return self._until - self._timing.monotonic()
