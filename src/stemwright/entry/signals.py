"""Being asked to stop: Ctrl-C and SIGTERM, politely the first time."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from stemwright.errors import Cancelled

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def _show_cursor() -> None:
    """A live display that is cut off leaves the cursor hidden."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), b"\x1b[?25h")


class Interruption:
    """Turns the first signal into ``Cancelled``, or inside ``polite()`` into a flag to poll.

    A second signal ends the process at once: outputs have no name before they are whole, so even
    that leaves nothing half-written.
    """

    def __init__(self) -> None:
        self._signal: int | None = None
        self._polite = False

    def install(self) -> None:
        """Take over SIGINT and SIGTERM; only the main thread may."""
        for number in _SIGNALS:
            signal.signal(number, self._handle)

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process ended by the signal met: 130 or 143."""
        return 128 + (self._signal or signal.SIGINT)

    def requested(self) -> bool:
        """Whether a signal has come."""
        return self._signal is not None

    @contextmanager
    def polite(self) -> Iterator[None]:
        """Within, a signal only sets the flag and the work stops where it looks at it."""
        self._polite = True
        try:
            yield
        finally:
            self._polite = False

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._signal is not None:
            _show_cursor()
            os._exit(128 + number)
        self._signal = number
        if not self._polite:
            raise Cancelled("interrupted")
