"""What a process does now and then, beside its work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from stemwright.errors import StemwrightError
from stemwright.kit import logs

EVERY_S: Final = 30.0

Chores = Mapping[str, Callable[[], object]]

log = logs.get_logger(__name__)


class Upkeep:
    """Does chores in a thread of its own; one that fails keeps no other from being done."""

    def __init__(self, chores: Callable[[], Chores], *, every_s: float = EVERY_S) -> None:
        """``chores`` is asked anew at every round."""
        self._chores = chores
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin; the first round comes after a pause."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no other round. Safe to call from a signal handler."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            for name, work in self._chores().items():
                try:
                    work()
                except (StemwrightError, SQLAlchemyError, OSError) as error:
                    # the next round tries again
                    log.warning("upkeep failed", chore=name, error=str(error))
                except Exception:
                    # the edge of one chore: the others, expiry above all, go on
                    log.exception("upkeep met a defect", chore=name)
