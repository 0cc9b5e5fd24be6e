"""Which requests are counted together against which limit."""

from __future__ import annotations

import re
from typing import Final, Literal

from starlette.types import Scope

RateClass = Literal["api", "heavy", "browser"]

_HEAVY: Final = frozenset(
    {
        "/api/download/track",
        "/api/processing/separate",
        "/api/analysis/analyze",
        "/api/daw/export",
    }
)
_UNCOUNTED: Final = re.compile(r"/(health|metrics|assets|socket)(/|$)")


def class_of(scope: Scope) -> RateClass | None:
    """The class of a request of this dialect; none where nothing is counted."""
    path = scope["path"]
    if _UNCOUNTED.match(path):
        return None
    if path.startswith("/api/"):
        return "heavy" if scope["method"] == "POST" and path in _HEAVY else "api"
    return "browser"
