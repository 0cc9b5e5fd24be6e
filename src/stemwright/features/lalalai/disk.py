"""Writing files where there may be no room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stemwright.errors import OutputError


@contextmanager
def writing() -> Iterator[None]:
    """Translate what a full disk raises."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"Cannot store a track: {error.strerror or error}. Make room in the data folder, or "
            "fix its permissions."
        ) from error
