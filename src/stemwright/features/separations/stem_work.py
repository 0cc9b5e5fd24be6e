"""What a worker asks of its child: small enough for processes that never separate anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stemwright.audio.encode import Format as FormatName
    from stemwright.engine.model import QualityName


@dataclass(frozen=True, slots=True)
class StemWork:
    """One song to separate."""

    song: Path
    folder: Path
    """Where the stems go; it exists and is empty."""
    stems: tuple[str, ...]
    model: str
    quality: QualityName
    format: FormatName
    max_duration_s: float | None
    analysed: bool = True
    """Whether tempo and key are wanted, too."""

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> StemWork:
        """Take it out of what came over the pipe."""
        return cls(
            **{
                **plain,
                "song": Path(plain["song"]),
                "folder": Path(plain["folder"]),
                "stems": tuple(plain["stems"]),
            }
        )

    def plain(self) -> dict[str, Any]:
        """Write it so that it can go over a pipe."""
        return {
            "song": str(self.song),
            "folder": str(self.folder),
            "stems": list(self.stems),
            "model": self.model,
            "quality": self.quality,
            "format": self.format,
            "max_duration_s": self.max_duration_s,
            "analysed": self.analysed,
        }
