"""Identifiers that may stand in an address, a file name or a log line as they are."""

from __future__ import annotations

import secrets
from typing import Final

_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def new_id(prefix: str, length: int = 24) -> str:
    """Make ``prefix_`` and random lower-case letters and digits: 124 bits in 24 of them."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(length))}"
