"""Segments that wait at the same time go through a network together."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float32]
Run = Callable[[Sequence[Array]], Sequence[Array]]
"""Separates some segments, and gives their stems in the same order."""


class Batches:
    """Collects the segments of all threads that call; one thread of its own runs them.

    A batch is whatever waits when the one before is done, so a single caller never waits for
    company, and many fill batches by themselves.
    """

    def __init__(self, run: Run, most: int) -> None:
        self._run = run
        self._most = most
        self._waiting: queue.SimpleQueue[tuple[Array, Future[Array]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="batches", daemon=True)
        self._thread.start()

    def __call__(self, segment: Array) -> Array:
        """Separate a segment, with others if others wait."""
        found: Future[Array] = Future()
        self._waiting.put((segment, found))
        return found.result()

    def close(self) -> None:
        """Run what waits, and end."""
        self._waiting.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (batch := self._next()) is not None:
            segments, futures = zip(*batch, strict=True)
            try:
                for future, stems in zip(futures, self._run(segments), strict=True):
                    future.set_result(stems)
            except BaseException as error:  # noqa: BLE001 - it is the callers'
                for future in futures:
                    if not future.done():
                        future.set_exception(error)

    def _next(self) -> list[tuple[Array, Future[Array]]] | None:
        """Wait for a segment and take those that wait behind it; none at the end."""
        batch = []
        one = self._waiting.get()
        while one is not None:
            batch.append(one)
            if len(batch) == self._most or self._waiting.empty():
                return batch
            one = self._waiting.get()
        if batch:
            self._waiting.put(None)  # the end is told again after this batch
        return batch or None
