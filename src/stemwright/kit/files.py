"""Output files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from stemwright.errors import OutputError

from .clock import utc_now

_BUFFER_BYTES = 256 << 10
_PREFIX, _SUFFIX = ".stemwright-", ".part"
_STALE_AFTER_S = 60.0


class AtomicFiles:
    """A set of outputs that appears together on `commit`, or leaves nothing behind.

    On Linux the files have no name until then (O_TMPFILE), so even SIGKILL leaves nothing. Where a
    filesystem cannot do that, they are hidden ``.stemwright-*.part`` files in the same folder, and
    those left by a killed process are removed the next time somebody writes there.

    All files are complete and on the disk before the first gets its name. Folders are created only
    on `commit`. Every failure is an `OutputError` that names the destination.
    """

    def __init__(self, *, unnamed: bool = True) -> None:
        self._unnamed = unnamed
        self._parts: dict[Path, _Part] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for part in self._parts.values():
            part.discard()
        self._parts.clear()

    def open(self, destination: Path) -> BinaryIO:
        """Return a seekable binary file that becomes ``destination`` on `commit`."""
        if destination in self._parts:
            raise OutputError(
                f"{destination} would be written twice; give each output its own name"
            )
        with _naming(destination):
            folder = _nearest_folder(destination)
            _check_free(destination, folder)
            sweep(folder)
            part = _Part(destination, folder, unnamed=self._unnamed)
        self._parts[destination] = part
        return part.file

    def commit(self) -> None:
        """Put every file in its place, replacing older ones; on failure undo what is new."""
        for part in self._parts.values():
            part.complete()
        with contextlib.ExitStack() as undo:
            for part in self._parts.values():
                with _naming(part.destination):
                    _make_folders(part.destination.parent, undo)
                    part.place(undo)
            undo.pop_all()
        for folder in {part.destination.parent for part in self._parts.values()}:
            _sync_folder(folder)
        self.__exit__(None, None, None)


class _Part:
    """One output on its way: an unnamed file, or a hidden one."""

    def __init__(self, destination: Path, folder: Path, *, unnamed: bool) -> None:
        self.destination = destination
        self._hidden: Path | None = None
        descriptor = _open_unnamed(folder) if unnamed else None
        if descriptor is None:
            self._hidden = _hidden_name(folder)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(self._hidden, flags, 0o666)
        # The lock tells a sweep that the writer lives; a filesystem without locks does without.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._raw = _NamedErrors(descriptor, destination)
        self.file = cast("BinaryIO", io.BufferedRandom(self._raw, _BUFFER_BYTES))

    def complete(self) -> None:
        with _naming(self.destination):
            self.file.flush()
            os.fsync(self._raw.fileno())

    def place(self, undo: contextlib.ExitStack) -> None:
        existed = os.path.lexists(self.destination)
        if self._hidden is None and not existed:
            self._link(self.destination)
        else:
            if self._hidden is None:
                self._hidden = _hidden_name(self.destination.parent)
                self._link(self._hidden)
            self._hidden.replace(self.destination)
            self._hidden = None
        if not existed:
            undo.callback(_remove_quietly, self.destination.unlink)

    def discard(self) -> None:
        # Closing the raw file first drops unwritten bytes instead of failing on them again.
        self._raw.close()
        if self._hidden is not None:
            _remove_quietly(self._hidden.unlink)

    def _link(self, name: Path) -> None:
        folder = os.open(name.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # A directory descriptor makes Python call linkat(2), which alone follows the link in
            # /proc to the unnamed file; the source being absolute, the descriptor is not used.
            source = f"/proc/self/fd/{self._raw.fileno()}"
            os.link(source, name, src_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)


class _NamedErrors(io.FileIO):
    """A raw file whose write errors (disk full, quota) name the output they belong to."""

    def __init__(self, descriptor: int, destination: Path) -> None:
        super().__init__(descriptor, "r+")
        self._destination = destination

    def write(self, data: object, /) -> int:
        with _naming(self._destination):
            return super().write(data)  # type: ignore[arg-type]  # FileIO's own buffer type


@contextlib.contextmanager
def _naming(destination: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"cannot write {destination}: {reason}{_remedy(error)}") from error


def _remedy(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return "; free some space or choose another folder with -o"
    if number in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return "; choose a folder you may write to with -o"
    if number == errno.ENAMETOOLONG:
        return "; choose a shorter name"
    return "; choose another destination"


def _check_free(destination: Path, folder: Path) -> None:
    """Find out now, not after an hour's work, that a name is impossible."""
    for name in destination.absolute().relative_to(folder).parts:
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISDIR((folder / name).lstat().st_mode):
                raise IsADirectoryError(errno.EISDIR, "a folder of that name is in the way")


def _nearest_folder(destination: Path) -> Path:
    """Return the closest folder above ``destination`` that exists."""
    for folder in destination.absolute().parents:
        try:
            mode = folder.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not stat.S_ISDIR(mode):
            raise NotADirectoryError(errno.ENOTDIR, f"{folder} is not a folder")
        return folder
    raise FileNotFoundError(errno.ENOENT, "no folder above it exists")


def _open_unnamed(folder: Path) -> int | None:
    """Return a descriptor of a file without a name, or ``None`` where that is not possible."""
    if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS}:
            return None
        raise


def _hidden_name(folder: Path) -> Path:
    return folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"


def _make_folders(folder: Path, undo: contextlib.ExitStack) -> None:
    """Create ``folder`` and what is missing above it; undoing removes those still empty."""
    if folder.is_dir():
        return
    _make_folders(folder.parent, undo)
    folder.mkdir(exist_ok=True)
    undo.callback(_remove_quietly, folder.rmdir)


def _remove_quietly(remove: Callable[[], None]) -> None:
    with contextlib.suppress(OSError):
        remove()


def _sync_folder(folder: Path) -> None:
    """Make new names survive a power cut, where the filesystem lets folders be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sweep(folder: Path, *, older_than_s: float = _STALE_AFTER_S) -> None:
    """Remove hidden parts in ``folder`` whose writer is gone: unlocked and not touched lately."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX):
                _remove_if_stale(Path(entry.path), older_than_s)


def _remove_if_stale(part: Path, older_than_s: float) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if utc_now().timestamp() - os.fstat(descriptor).st_mtime >= older_than_s:
                part.unlink()
        finally:
            os.close(descriptor)
