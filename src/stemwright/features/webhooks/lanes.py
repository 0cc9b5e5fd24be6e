"""How many deliveries one receiver, or one account, may have on their way at once.

Every attempt holds a place of the queue for up to ten seconds. Without this, a thousand
deliveries to one dead server would stand before everybody else's. Who finds no room is told when
to come back and lets go of the place.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_SILENT_AFTER_S: Final = 1.0
"""A failure that took no longer than this held nobody up."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 120.0
_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.2, 600.0
_REMEMBERED: Final = 1_000


@dataclass(slots=True)
class _Lane:
    """The way to one host."""

    at_work: int = 0
    silences: int = 0
    """Attempts in a row that were waited for in vain."""
    closed_until: float = 0.0
    pace_s: float = 0.0
    """How often a place becomes free, as far as is known."""
    promised_until: float = 0.0
    """The time the last one was told to come back."""


class Lanes:
    """Shared by the threads of one process; what it knows is lost with it and does not matter."""

    def __init__(
        self, per_host: int = 8, per_owner: int = 12, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_host = per_host
        self._per_owner = per_owner
        self._now = now
        self._hosts: dict[str, _Lane] = {}
        self._owners: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enter(self, host: str, owner: str) -> float:
        """Take a place and get 0; or get the seconds after which to ask again.

        A host that kept us waiting in vain is closed for a while, longer each time, and then
        tried by one delivery at a time until it answers.
        """
        with self._lock:
            now, lane = self._now(), self._hosts.setdefault(host, _Lane())
            if not self._has_room(lane, owner, now):
                return _promise(lane, now)
            lane.at_work += 1
            self._owners[owner] += 1
            return 0.0

    def leave(self, host: str, owner: str, *, took_s: float, answered: bool) -> None:
        """Give the place back and say how it went."""
        with self._lock:
            lane = self._hosts[host]
            lane.at_work -= 1
            self._owners[owner] -= 1
            if answered or took_s <= _SILENT_AFTER_S:
                lane.silences, lane.closed_until = 0, 0.0
            else:
                lane.silences += 1
                pause_s = _FIRST_PAUSE_S * 2 ** min(lane.silences - 1, 10)
                lane.closed_until = self._now() + min(pause_s, _LONGEST_PAUSE_S)
            lane.pace_s = took_s / self._width(lane)
            self._forget()

    def _has_room(self, lane: _Lane, owner: str, now: float) -> bool:
        return (
            lane.closed_until <= now
            and lane.at_work < self._width(lane)
            and self._owners[owner] < self._per_owner
        )

    def _width(self, lane: _Lane) -> int:
        return 1 if lane.silences else self._per_host

    def _forget(self) -> None:
        """Drop what is at rest; the silent ones only when there are many."""
        self._owners += Counter()  # drops zeros
        crowded, now = len(self._hosts) > _REMEMBERED, self._now()
        for host, lane in list(self._hosts.items()):
            at_rest = not lane.at_work and lane.promised_until <= now
            if at_rest and (not lane.silences or crowded):
                del self._hosts[host]


def _promise(lane: _Lane, now: float) -> float:
    """Give each who waits a time of its own, so that they do not all come back at once."""
    after = max(lane.promised_until, lane.closed_until, now) + lane.pace_s
    lane.promised_until = min(after, now + _LONGEST_WAIT_S)
    return max(lane.promised_until - now, _SHORTEST_WAIT_S)
