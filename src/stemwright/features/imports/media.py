"""One site's media, looked up and downloaded, with failures in its own words."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from stemwright.errors import FileTooLarge, ServiceUnavailable, SourceError, StemwrightError

from .breaker import Breaker
from .extraction import ExtractionFailed, Extractor, Progress
from .failures import Again, Row, verdict
from .sites import Site

_MIB: Final = 1 << 20

_Returned = TypeVar("_Returned")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """What is taken from a site, and with how much patience."""

    min_duration_s: float = 5
    max_duration_s: float = 3600
    max_bytes: int = 500 << 20
    lookup_s: float = 20.0
    search_s: float = 60.0
    """Nobody waits for an answer: it is a worker that searches."""
    download_s: float = 300.0
    pauses_s: tuple[float, ...] = (2.0, 5.0, 10.0)


Judge = Callable[[ExtractionFailed], StemwrightError | None]
"""The error for what the site's own limits refuse; None for what upstream says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """Runs an extractor on one site's addresses."""

    site: Site
    extractor: Extractor
    rows: tuple[Row, ...]
    otherwise: Row
    judge: Judge
    limits: MediaLimits
    breaker: Breaker
    sleep: Callable[[float], None] = time.sleep

    def lookup(self, media_id: str) -> Mapping[str, Any]:
        """Ask once, as somebody waits for the answer."""
        self.breaker.check()
        url = self.site.url(media_id)
        try:
            return self.extractor.lookup(url, self.site, timeout_s=self.limits.lookup_s)
        except ExtractionFailed as failure:
            error, _ = self._meaning(failure)
            raise error from failure

    def search(self, query: str) -> Sequence[Mapping[str, Any]]:
        """Ask what the site has under some words; tries again where that is worth it."""
        timeout_s = self.limits.search_s
        return self._persistently(
            lambda: self.extractor.search(query, self.site, timeout_s=timeout_s)
        )

    def download(self, media_id: str, folder: Path, progress: Progress) -> Path:
        """Bring the audio as the site has it; tries again where that is worth it."""
        return self._persistently(lambda: self._once(media_id, folder, progress))

    def _persistently(self, work: Callable[[], _Returned]) -> _Returned:
        for number, pause in enumerate(self.limits.pauses_s):
            self.breaker.check()
            try:
                return work()
            except ExtractionFailed as failure:
                error, again = self._meaning(failure)
                if number >= again.value:
                    raise error from failure
            self.sleep(pause)
        try:
            return work()
        except ExtractionFailed as failure:
            raise self._meaning(failure)[0] from failure

    def _once(self, media_id: str, folder: Path, progress: Progress) -> Path:
        with _swept_on_failure(folder):
            return self.extractor.download(
                self.site.url(media_id),
                self.site,
                folder,
                max_bytes=self.limits.max_bytes,
                max_duration_s=self.limits.max_duration_s,
                timeout_s=self.limits.download_s,
                progress=progress,
            )

    def _meaning(self, failure: ExtractionFailed) -> tuple[StemwrightError, Again]:
        name = self.site.name
        match failure.kind:
            case "upstream":
                found = verdict(failure, self.rows, self.otherwise)
                if found.is_wall:
                    self.breaker.trip(found.error.message)
                return found.error, found.again
            case "timeout":
                return ServiceUnavailable(
                    f"{name} took too long to answer. Try again."
                ), Again.NEVER
            case "too_large":
                return self._too_large(failure), Again.NEVER
            case "crash" | "setup":
                _log.error("yt-dlp cannot run: %s", failure)
                return _broken(name), Again.THRICE if failure.kind == "crash" else Again.NEVER
            case _:
                return self.judge(failure) or _broken(name), Again.NEVER

    def _too_large(self, failure: ExtractionFailed) -> FileTooLarge:
        most = self.limits.max_bytes
        return FileTooLarge(
            f"The file on {self.site.name} has more than {most / _MIB:g} MiB. Choose a shorter "
            "one.",
            max_size_bytes=most,
            actual_size_bytes=max(int(failure.amount), most + 1),
        )


def _broken(name: str) -> SourceError:
    return ServiceUnavailable(
        f"This server cannot read from {name} now. Try again later, or tell its operator."
    )


@contextlib.contextmanager
def _swept_on_failure(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for part in folder.glob("source.*"):
            part.unlink(missing_ok=True)
        raise
