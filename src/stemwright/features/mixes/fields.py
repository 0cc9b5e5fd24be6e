"""Reading the fields of a manifest that anybody may have written, and keeping what is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from stemwright.errors import InvalidManifest

_MAX_TOLD: Final = 20
_MAX_SHOWN: Final = 60


class Problems:
    """What is wrong where. A hostile manifest has thousands; the first twenty are told."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def add(self, path: str, message: str) -> None:
        """Note that there is something wrong at a path such as ``edits[3].params.level``."""
        if len(self._found) < _MAX_TOLD:
            self._found.setdefault(path, message)

    def raise_if_any(self) -> None:
        """Raise `InvalidManifest` with all that was found."""
        if self._found:
            raise InvalidManifest(self._found)


def shown(text: str) -> str:
    """Cut a name that came from outside to what a message has room for, and can be sent."""
    cut = text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
    return cut.encode("utf-8", "replace").decode()  # JSON can spell half a surrogate pair


def number(
    value: object, low: float, high: float, path: str, problems: Problems, *, instead: float
) -> float:
    """Return a finite number within bounds; else note the problem and return ``instead``."""
    read = finite(value)
    if read is None or not low <= read <= high:
        wanted = "a number" if math.isinf(high) else f"a number from {low:g} to {high:g}"
        wanted += f" of at least {low:g}" if math.isinf(high) and math.isfinite(low) else ""
        problems.add(path, f"must be {wanted}")
        return instead
    return read


def finite(value: object) -> float | None:
    """Return a number of JSON as a float: no truth value, not infinite, not beyond all floats."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        read = float(value)
    except OverflowError:
        return None
    return read if math.isfinite(read) else None


def objects(value: object, path: str, problems: Problems) -> Mapping[str, Any]:
    """Return an object of JSON; one that is absent or null is empty."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.add(path, "must be an object")
        return {}
    return value
