"""Lists on a terminal, times in them, and time spans as people type them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from stemwright.errors import OptionError

from .reports import printable

_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST: Final = timedelta(days=36_525)


def print_columns(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write rows under headings, each column as wide as its widest cell."""
    lines = [headings, *[[printable(cell) for cell in row] for row in rows]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Write a name and a value a line."""
    for name, value in facts:
        print(f"{name + ':':12} {printable(value)}")


def stamp(at: datetime | None) -> str | None:
    """``2030-02-01T09:00:00Z``, or nothing."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def span(text: str) -> timedelta:
    """Read ``12h``, ``90d`` or ``8w``."""
    found = re.fullmatch(r"(\d{1,6})([hdw])", text.strip())
    length = int(found[1]) * _UNITS[found[2]] if found else timedelta()
    if not timedelta() < length <= _LONGEST:
        raise OptionError(f"{text!r} is no time span; write 12h, 90d or 8w, up to 100 years.")
    return length
