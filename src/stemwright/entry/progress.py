"""How far one song is, where somebody looks."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final, Self

from .reports import printable

_EVERY_S: Final = 0.1


class SongProgress:
    """A line on the terminal that goes away again; nothing where nobody looks."""

    def __init__(self, song: Path, *, silent: bool) -> None:
        self._name = printable(song.name)
        self._shown = not silent and sys.stderr.isatty()
        self._said_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def at(self, fraction: float) -> None:
        """Say how far the song is, not more often than it can be read."""
        now = time.perf_counter()
        if self._shown and now - self._said_at > _EVERY_S:
            self._said_at = now
            print(f"\r\x1b[K{self._name}: {fraction:.0%}", end="", file=sys.stderr, flush=True)
