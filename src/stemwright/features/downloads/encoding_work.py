"""What a worker asks of its child: small enough for processes that never encode anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingWork:
    """One song to bring into a format of the library; paths as text, as they go over a pipe."""

    song: str
    output: str
    quality: str
    tags: Mapping[str, str] = field(default_factory=dict)
    cover: str | None = None
    """A file with a picture."""
    max_duration_s: float | None = None

    def plain(self) -> dict[str, Any]:
        """Write it so that it can go over a pipe."""
        return {**asdict(self), "tags": dict(self.tags)}
