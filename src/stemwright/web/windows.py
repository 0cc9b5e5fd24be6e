"""How many requests each caller made in the last minute: here, or in Redis for several hosts.

**Why a moving window.** A fixed window lets twice the limit through around its edge. A sliding
counter guesses how the last window's requests were spread, so its time to wait is a guess as
well, and clients wait exactly as long as they are told. A moving window keeps the times
themselves: never more than the limit in any sixty seconds, and a wait that is right to the
second. It costs one number a request, sixty a caller at the default.

Only requests let through are counted, so that hammering does not prolong the wait.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.errors import ConfigurationError, StorageError
from limits.storage import MovingWindowSupport, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from stemwright.errors import OptionError
from stemwright.kit import logs
from stemwright.kit.clock import utc_now

Clock = Callable[[], datetime]

UNLIMITED: Final = 1_000_000
"""What callers are told where there is no limit; they want a number."""
_WINDOW_S: Final = 60
_MOST_CALLERS: Final = 100_000
_ANSWER_WITHIN_S: Final = 0.25
_AVOID_FOR_S: Final = 10.0
_SCHEMES: Final = ("redis://", "rediss://", "redis+unix://")  # which Valkey speaks as well
_log = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller may still do."""

    admitted: bool
    limit: int
    remaining: int
    resets_at: int
    """Unix seconds at which the oldest request leaves the window, so that one more fits."""
    wait_s: int
    """Until then, in seconds and never 0."""


class Windows:
    """Counts requests by caller. Threads share it.

    While Redis does not answer, requests are counted in this process alone, and Redis is asked
    again every few seconds.
    """

    def __init__(
        self, per_minute: int, *, url: str = "", clock: Clock = utc_now, name: str = "requests"
    ) -> None:
        """``name`` tells windows apart that are counted in one Redis."""
        self._limit = per_minute
        self._clock = clock
        self._item: RateLimitItem = RateLimitItemPerMinute(max(per_minute, 1), namespace=name)
        self._here = MovingWindowRateLimiter(WindowsInMemory(clock))
        self._shared = MovingWindowRateLimiter(_connect(url)) if url else None
        self._lock = threading.Lock()
        self._avoid_until = 0.0

    @property
    def waits(self) -> bool:
        """Whether asking may wait for the network, and so belongs in a thread."""
        return self._shared is not None

    def take(self, caller: str) -> Allowance:
        """Count a request of the caller, if it is admitted."""
        return self._ask(caller, takes=True)

    def look(self, caller: str) -> Allowance:
        """What ``take`` would say, without counting."""
        return self._ask(caller, takes=False)

    def _ask(self, caller: str, *, takes: bool) -> Allowance:
        if not self._limit:
            return self._unlimited()
        if self._shared is not None and self._worth_asking():
            try:
                allowance = self._count(self._shared, caller, takes=takes)
            except StorageError as error:
                self._lost(error)
            else:
                self._found()
                return allowance
        return self._count(self._here, caller, takes=takes)

    def _count(self, windows: MovingWindowRateLimiter, caller: str, *, takes: bool) -> Allowance:
        admitted = (windows.hit if takes else windows.test)(self._item, caller)
        reset, remaining = windows.get_window_stats(self._item, caller)
        now = self._clock().timestamp()
        return Allowance(
            admitted=admitted,
            limit=self._limit,
            # between the two questions another request may have come
            remaining=max(int(remaining), 0) if admitted else 0,
            resets_at=ceil(reset),
            wait_s=min(max(ceil(reset - now), 1), _WINDOW_S),
        )

    def _unlimited(self) -> Allowance:
        return Allowance(
            admitted=True,
            limit=UNLIMITED,
            remaining=UNLIMITED,
            resets_at=ceil(self._clock().timestamp()) + _WINDOW_S,
            wait_s=_WINDOW_S,
        )

    def _worth_asking(self) -> bool:
        """Whether Redis is well or due for another try; one caller makes that try."""
        with self._lock:
            now = self._clock().timestamp()
            if not self._avoid_until:
                return True
            if now < self._avoid_until:
                return False
            self._avoid_until = now + _AVOID_FOR_S
            return True

    def _lost(self, error: StorageError) -> None:
        with self._lock:
            already = bool(self._avoid_until)
            self._avoid_until = self._clock().timestamp() + _AVOID_FOR_S
        if not already:
            _log.warning("rate_limits.unshared", reason=str(error.storage_error))

    def _found(self) -> None:
        if not self._avoid_until:
            return
        with self._lock:
            self._avoid_until = 0.0
        _log.info("rate_limits.shared_again")


class WindowsInMemory(MovingWindowSupport, Storage):
    """The times of requests by caller, forgotten as they age.

    The library's own memory sweeps all callers from a timer that requests start: 0.7 ms of
    processor time a request at 20,000 callers, without bound on their number, by a clock that
    tests cannot set. Here a request looks at the callers that have been idle longest and drops
    those that are done.
    """

    STORAGE_SCHEME = None

    def __init__(self, clock: Clock = utc_now, *, most_callers: int = _MOST_CALLERS) -> None:
        super().__init__()
        self._clock = clock
        self._most = most_callers
        self._lock = threading.Lock()
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """Nothing here fails."""
        return ()

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count ``amount`` requests if they fit."""
        with self._lock:
            now = self._clock().timestamp()
            times = self._fresh(key, now, expiry)
            if len(times) + amount > limit:
                return False
            times.extend([now] * amount)
            self._times[key] = times
            self._times.move_to_end(key)
            self._drop_idle(now - expiry)
            return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest request in the window came, and how many there are."""
        with self._lock:
            now = self._clock().timestamp()
            times = self._fresh(key, now, expiry)
            return (times[0], len(times)) if times else (now, 0)

    def _fresh(self, key: str, now: float, expiry: int) -> deque[float]:
        times = self._times.get(key)
        if times is None:
            return deque()
        while times and times[0] <= now - expiry:
            times.popleft()
        if times and times[-1] > now:  # the clock was set back; nobody shall wait for that
            times.clear()
        return times

    def _drop_idle(self, before: float) -> None:
        """Forget whose last request is too old, and beyond the bound whoever is idle longest."""
        while self._times:
            oldest = next(iter(self._times.values()))
            if len(self._times) <= self._most and oldest and oldest[-1] > before:
                return
            self._times.popitem(last=False)

    def __len__(self) -> int:
        """Number of callers remembered."""
        return len(self._times)

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def clear(self, key: str) -> None:
        """Forget a caller."""
        with self._lock:
            self._times.pop(key, None)

    def reset(self) -> int | None:
        """Forget all callers."""
        with self._lock:
            count = len(self._times)
            self._times.clear()
            return count

    # Fixed windows, which the base class asks for and nobody uses here.

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Not there."""
        raise NotImplementedError

    def get(self, key: str) -> int:
        """Not there."""
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        """Not there."""
        raise NotImplementedError


def _connect(url: str) -> Storage:
    """Open the store of an address; the first request connects.

    Raises
    ------
    OptionError

    """
    if not url.startswith(_SCHEMES):
        raise OptionError(
            "STEMWRIGHT_RATE_LIMIT_URL begins with none of " + ", ".join(_SCHEMES) + "."
        )
    options: dict[str, Any] = {
        "socket_connect_timeout": _ANSWER_WITHIN_S,
        "socket_timeout": _ANSWER_WITHIN_S,
        "key_prefix": "stemwright",
        "wrap_exceptions": True,
    }
    try:
        return storage_from_string(url, **options)  # type: ignore[return-value]
    except ConfigurationError as error:
        raise OptionError(
            "STEMWRIGHT_RATE_LIMIT_URL needs a client that is not installed: "
            "pip install 'stemwright[redis]'"
        ) from error
    except ValueError as error:
        raise OptionError(
            "STEMWRIGHT_RATE_LIMIT_URL is no address; write redis://HOST:PORT/0."
        ) from error
