"""Keeps answers for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Cache(Generic[V]):
    """Answers of any age limit; of too many, those not asked for longest go."""

    def __init__(self, most: int, monotonic: Callable[[], float]) -> None:
        self._most = most
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()

    def find(self, key: Hashable) -> V | None:
        """Return what is known and not too old."""
        with self._lock:
            good_until, value = self._kept.get(key, (float("-inf"), None))
            if self._monotonic() >= good_until:
                return None
            self._kept.move_to_end(key)
            return value

    def keep(self, key: Hashable, value: V, for_s: float) -> None:
        """Remember for so many seconds."""
        with self._lock:
            self._kept[key] = (self._monotonic() + for_s, value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
