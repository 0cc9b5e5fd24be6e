"""Work that no answer waits for: how long it takes would tell what it found."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from stemwright.kit import logs

_MOST_WAITING: Final = 200

_log = logs.get_logger(__name__)


class Background:
    """One thread, and a bounded queue before it; what does not fit is dropped and logged."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="messages")
        self._room = threading.BoundedSemaphore(_MOST_WAITING)

    def run(self, work: Callable[[], None]) -> None:
        """Have something done soon."""
        if not self._room.acquire(blocking=False):
            _log.error("messages dropped: too many wait")
            return
        try:
            self._worker.submit(self._do, work)
        except RuntimeError:  # closed while the last requests are answered
            self._room.release()

    def close(self) -> None:
        """Finish what waits; what comes from now on is lost."""
        self._worker.shutdown()

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001  # the edge of this thread
            _log.exception("a message was not sent")
        finally:
            self._room.release()
