"""Passwords: how long they are, and Argon2id over them."""

from __future__ import annotations

import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from stemwright.errors import InvalidPassword

_MIN: Final = 12
_MAX: Final = 72
_MAX_BYTES: Final = 72
_AT_ONCE: Final = 4
"""One takes 64 MiB: as many as there are requests would be more than a machine has."""


def require_length(password: str) -> None:
    """Refuse a password that is too short to be one, or longer than forms may send."""
    if not _MIN <= len(password) <= _MAX or not _fits(password):
        raise InvalidPassword(
            f"A password has {_MIN} to {_MAX} characters, and at most {_MAX_BYTES} bytes."
        )


class Passwords:
    """Hashes with the parameters of today and verifies with those a hash was made with."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._room = threading.BoundedSemaphore(_AT_ONCE)

    def hash(self, password: str) -> str:
        """Make what is kept of a password: Argon2id with its salt and parameters."""
        with self._room:
            return self._hasher.hash(password)

    def matches(self, kept: str | None, password: str) -> bool:
        """Compare; where there is nothing to compare with, take as long and say no.

        An answer that comes sooner for an unknown account would tell which accounts there are.
        """
        if not _fits(password):
            return False
        if kept is None:
            self.hash(password)
            return False
        try:
            with self._room:
                return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False

    def outdated(self, kept: str) -> bool:
        """Whether the parameters have changed since, so that it should be hashed again."""
        return self._hasher.check_needs_rehash(kept)


def _fits(password: str) -> bool:
    try:
        return len(password.encode()) <= _MAX_BYTES
    except UnicodeEncodeError:  # half a surrogate pair, as JSON can spell one
        return False
