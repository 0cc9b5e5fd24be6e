"""Identifiers that may stand in an address, a file name or a log line as they are."""

from __future__ import annotations

import re
import secrets
from typing import Final
from uuid import UUID, uuid4

_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def new_id(prefix: str, length: int = 24) -> str:
    """Make ``prefix_`` and random lower-case letters and digits: 124 bits in 24 of them."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(length))}"


def is_id(text: str) -> bool:
    """Whether this could be one of ours; what else a caller sends, not every database takes."""
    return _ID.fullmatch(text) is not None


def new_uuid() -> str:
    """Make an id for what an API knows by UUID: lower case, with hyphens."""
    return str(uuid4())


def is_uuid(text: str) -> bool:
    """Whether this is a UUID as `new_uuid` writes them, and in no other spelling."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
