"""A lock between processes that the kernel releases when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_S = 0.1


class NotTaken(Exception):
    """Another process holds the lock."""


@contextmanager
def file_lock(path: Path, *, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold ``path`` exclusively; ``waiting`` is called while another holds it and may raise.

    The file stays: removing it would let two holders lock two files of one name.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        while not _taken(descriptor):
            waiting()
            time.sleep(POLL_S)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def held_lock(path: Path) -> Iterator[None]:
    """Hold ``path`` exclusively, or raise `NotTaken` at once."""

    def refuse() -> None:
        raise NotTaken(path)

    with file_lock(path, waiting=refuse):
        yield


def is_locked(path: Path) -> bool:
    """Whether a process holds ``path`` just now; nothing is created by asking."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _taken(descriptor)
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
