"""What an API key looks like, and what is kept of it.

A key is 256 random bits, so SHA-256 is kept and not Argon2. A slow hash makes guessing dear where
there is little to guess, as in a password; nobody guesses 256 bits at any speed, and every request
would pay for it. An unsalted hash can be indexed, too: one query finds the key. What the time of
that query tells is about the hash, which a caller can choose no better than he can guess the key.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from stemwright.errors import InvalidKeyFormat, MissingApiKey

LIVE: Final = "sk_live_"
_PREFIXES: Final = (LIVE, "sk_test_")
_RANDOM_BYTES: Final = 32
_SHOWN: Final = len(LIVE) + 4


def new_secret() -> str:
    """Make a key: 43 random characters that may stand in an address as they are."""
    return LIVE + secrets.token_urlsafe(_RANDOM_BYTES)


def hash_of(secret: str) -> str:
    """Make what is kept of a key."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def prefix_of(secret: str) -> str:
    """Cut off what lists show of a key."""
    return secret[:_SHOWN]


def secret_in(header: str | None) -> str:
    """Take the key out of an ``Authorization`` header; any case of ``Bearer`` will do."""
    scheme, _, token = (header or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise MissingApiKey("Send your API key in the header 'Authorization: Bearer sk_live_…'.")
    if not token.startswith(_PREFIXES):
        raise InvalidKeyFormat("The API key has the wrong form: keys start with sk_live_.")
    return token
