"""Tokens of browsers and of links: 256 random bits, of which a hash is kept, as of API keys."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

_RANDOM_BYTES: Final = 32


def new_token() -> str:
    """Make one; it may stand in an address as it is."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def hash_of(token: str) -> str:
    """Make what is kept of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
