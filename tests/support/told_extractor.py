"""An extractor that returns or raises what a test gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemwright.features.imports.extraction import ExtractionFailed, Progress
from stemwright.features.imports.sites import Site


@dataclass
class ToldExtractor:
    """Answers in turn, the last answer for ever; remembers the addresses it was asked for."""

    answers: list[Mapping[str, Any] | ExtractionFailed]
    asked: list[str] = field(default_factory=list)

    def lookup(self, url: str, site: Site, *, timeout_s: float) -> Mapping[str, Any]:
        return self._next(url)

    def search(self, query: str, site: Site, *, timeout_s: float) -> list[Mapping[str, Any]]:
        return self._next(query)["entries"]

    def download(
        self, url: str, site: Site, folder: Path, *, progress: Progress, **limits: float
    ) -> Path:
        (folder / "source.part").write_bytes(b"half")
        self._next(url)
        path = folder / "source.m4a"
        (folder / "source.part").replace(path)
        progress(1.0)
        return path

    def _next(self, url: str) -> Mapping[str, Any]:
        self.asked.append(url)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ExtractionFailed):
            raise answer
        return answer


def upstream(text: str, cause: str | None = None, status: int | None = None) -> ExtractionFailed:
    """What a failure of yt-dlp arrives as."""
    return ExtractionFailed("upstream", text, cause=cause, status=status)
