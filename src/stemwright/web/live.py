"""Connections that stay open: whose they are, and how they are ended from outside."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Hashable
from typing import Final

from stemwright.kit import logs

GOING_AWAY: Final = 1001
"""For a socket whose owner may no longer have it: older clients come back after no other code."""
RESTARTING: Final = 1012
_MOST: Final = 10_000
_MOST_EACH: Final = 1_000

End = Callable[[int], None]
"""Ends a connection for the reason a code stands for; may be called in any thread."""

log = logs.get_logger(__name__)


class TooMany(Exception):
    """There is no room for another connection of this caller, or of anybody."""


class LiveConnections:
    """The open connections of one process."""

    def __init__(self, *, most: int = _MOST, most_each: int = _MOST_EACH) -> None:
        self._most = most
        self._most_each = most_each
        self._lock = threading.Lock()
        self._ends: dict[object, tuple[Hashable, End]] = {}
        self._counts: Counter[Hashable] = Counter()
        self._closed = False

    def __len__(self) -> int:
        """How many there are."""
        return len(self._ends)

    def enter(self, caller: Hashable, end: End) -> Callable[[], None]:
        """Count a connection in; what is returned counts it out.

        Raises
        ------
        TooMany

        """
        key = object()
        with self._lock:
            if len(self._ends) >= self._most or self._counts[caller] >= self._most_each:
                raise TooMany
            self._ends[key] = caller, end
            self._counts[caller] += 1
            closed = self._closed
        if closed:  # whom the service has let go comes back before it has stopped listening
            end(RESTARTING)
        return lambda: self._leave(key)

    def callers(self) -> Collection[Hashable]:
        """Whose connections are open."""
        with self._lock:
            return set(self._counts)

    def end_of(self, callers: Collection[Hashable], code: int = GOING_AWAY) -> int:
        """End all connections of these callers; how many there were."""
        with self._lock:
            ends = [end for caller, end in self._ends.values() if caller in callers]
        for end in ends:
            end(code)
        return len(ends)

    def close(self) -> None:
        """End all, and those to come: the service stops."""
        with self._lock:
            self._closed = True
        self.end_of(self.callers(), RESTARTING)

    def _leave(self, key: object) -> None:
        with self._lock:
            caller, _ = self._ends.pop(key, (None, None))
            if caller is None:
                return
            self._counts[caller] -= 1
            if not self._counts[caller]:
                del self._counts[caller]


class Evictions:
    """Looks now and then, and whenever told to, whether callers may stay."""

    def __init__(
        self,
        live: LiveConnections,
        unwelcome: Callable[[Collection[Hashable]], Collection[Hashable]],
        *,
        every_s: float = 1.0,
    ) -> None:
        """``unwelcome`` picks those whose key was revoked, whose account is suspended, …."""
        self._live = live
        self._unwelcome = unwelcome
        self._every_s = every_s
        self._look = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="evictions", daemon=True)

    def start(self) -> None:
        """Begin to look, in a thread."""
        self._thread.start()

    def hint(self) -> None:
        """Say that somebody's rights may have changed."""
        self._look.set()

    def close(self) -> None:
        """Look no more."""
        self._ended = True
        self._look.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        works = True
        while not self._ended:
            self._look.wait(self._every_s)
            self._look.clear()
            try:
                self._evict()
                works = True
            except Exception:
                # the edge of this thread: what failed is tried again, and told of once
                if works:
                    log.exception("evictions failed")
                works = False

    def _evict(self) -> None:
        callers = self._live.callers()
        if not callers:
            return
        ended = self._live.end_of(self._unwelcome(callers))
        if ended:
            log.info("connections ended", count=ended)
