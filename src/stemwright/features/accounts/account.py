"""Accounts and keys as the rest of the service sees them, and what their texts must look like."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from stemwright.errors import InvalidEmail, InvalidName

LOCAL_EMAIL: Final = "local@localhost"
"""The account of somebody who runs the service for himself."""

_EMAIL_MAX: Final = 160
_NAME_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class User:
    """One account. Nobody outside this package sees its password, not even hashed."""

    id: str
    email: str
    name: str
    is_admin: bool
    has_password: bool
    email_verified_at: datetime | None
    suspended_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, without the secret, which nobody has but whom it was shown to."""

    id: str
    owner: str
    name: str
    prefix: str
    """The first characters of the secret: enough to tell keys apart, useless to guess one."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Whom a request is from."""

    owner: str
    """Id of the account; what belongs to it carries this id."""
    key_id: str | None
    """None for a browser that logged in."""
    email: str
    is_admin: bool
    session_id: str | None = None
    """Of the browser that logged in; it is refused once that session has ended."""


def clean_email(text: str) -> str:
    """Strip an e-mail address and refuse what is none."""
    email = unicodedata.normalize("NFC", text.strip())
    local, _, host = email.partition("@")
    if not local or not host or "@" in host or not _is_plain(email):
        raise InvalidEmail(
            f"{text!r} is not an e-mail address: it must have one @ sign and no spaces."
        )
    if len(email) > _EMAIL_MAX:
        raise InvalidEmail(f"The e-mail address is longer than {_EMAIL_MAX} characters.")
    return email


def folded(email: str) -> str:
    """Spell an address so that two which differ in letter case alone are equal."""
    return unicodedata.normalize("NFC", email.strip().casefold())


def clean_name(text: str) -> str:
    """Strip the name of an account or key and refuse what cannot be shown in a line."""
    name = text.strip()
    if not 1 <= len(name) <= _NAME_MAX or not name.isprintable():
        raise InvalidName(f"{text!r} is no name: it must have 1 to {_NAME_MAX} printable letters.")
    return name


def _is_plain(email: str) -> bool:
    return email.isprintable() and not any(char.isspace() or char in ",;" for char in email)
