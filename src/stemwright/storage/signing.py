"""Addresses under ``/blobs/`` that open one object for one method until they expire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Final, Literal
from urllib.parse import urlencode

from itsdangerous import Signer

from stemwright.errors import LinkExpired, LinkInvalid

from .base import checked

Method = Literal["GET", "PUT"]

PATH: Final = "/blobs/"
_LATEST: Final = 253_402_300_799
"""The last second of the year 9999, after which Python has no dates."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a good address allows."""

    key: str
    method: Method
    expires_at: datetime
    file_name: str | None = None
    """What the client is to save the object as."""
    content_type: str | None = None


class UrlSigner:
    """Makes such addresses and checks them. Every host of a fleet has the same secret."""

    def __init__(self, secret: bytes) -> None:
        self._signer = Signer(
            secret, salt="stemwright.blobs", key_derivation="hmac", digest_method=sha256
        )

    def url(self, base_url: str, grant: Grant) -> str:
        """Make an address under ``base_url``, where this service is reached."""
        said = {
            "expires": str(int(grant.expires_at.timestamp())),
            "name": grant.file_name,
            "type": grant.content_type,
        }
        query = {name: value for name, value in said.items() if value is not None}
        query["signature"] = self._signature(grant.method, checked(grant.key), query)
        return f"{base_url.rstrip('/')}{PATH}{grant.key}?{urlencode(query)}"

    def opened(self, method: Method, key: str, query: Mapping[str, str], now: datetime) -> Grant:
        """Check an address by the parts it arrived in.

        Raises
        ------
        LinkInvalid
            It is not one of ours, or not as it was made.
        LinkExpired
            It is, and its time is over.

        """
        given = dict(query)
        signature = given.pop("signature", "")
        # as text: decoded, several spellings of a signature would be the same
        right = self._signature(method, key, given).encode()
        if not compare_digest(right, signature.encode("utf-8", "replace")):
            raise LinkInvalid("The address is not valid; ask for a new one and use it unchanged.")
        expires_at = datetime.fromtimestamp(min(int(given["expires"]), _LATEST), UTC)
        if now >= expires_at:
            raise LinkExpired(f"The address was valid until {expires_at:%F %T} UTC; ask anew.")
        return Grant(key, method, expires_at, given.get("name"), given.get("type"))

    def _signature(self, method: Method, key: str, query: Mapping[str, str]) -> str:
        return self._signer.get_signature(_message(method, key, query)).decode("ascii")


def _message(method: Method, key: str, query: Mapping[str, str]) -> bytes:
    # JSON, so that no two sets of parts are spelled alike; the whole query, so that none is free
    return json.dumps([method, key, sorted(query.items())]).encode("ascii")
