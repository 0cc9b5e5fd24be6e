"""Objects that stay for as long as the process does."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting() -> Iterator[None]:
    """Exempt what is made inside from the search for garbage.

    Looking through the modules of the service again and again takes a fifth of its start, and
    later tenths of a second at a time from the requests of that moment.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
