"""Who may open a socket: decided before the upgrade, since a browser sees no reason after it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, QueryParams
from starlette.types import Scope

from .forwarded import base_url
from .ratelimits import caller_of
from .windows import Windows

SUBPROTOCOL: Final = "phoenix"
_TOKEN_MARK: Final = "base64url.bearer.phx."  # noqa: S105 - what stands before one
_UNREADABLE: Final = "\0"
"""Stands for a token that cannot be decoded: it was presented, and is nobody's."""
_FAILURES_A_MINUTE: Final = 60
"""Of one address, after which no key from it is looked up."""
_FAILURES_OF_A_TOKEN: Final = 3
"""A minute. A client whose key was revoked sends it for ever, and others may share its address."""
_USUAL_PORTS: Final = (80, 443)


class NotAdmitted(Exception):
    """No socket for this caller."""


@dataclass(frozen=True, slots=True)
class Origins:
    """Which pages may open sockets. Programs that are no browsers name no page."""

    allowed: Collection[str] = ()
    """Hosts (``app.example.org``, ``*.example.org``) or whole origins."""
    any_with_token: bool = False
    """Whether a token makes the page not matter: no foreign page can add one by itself."""

    def admit(self, scope: Scope, *, by_token: bool) -> bool:
        """Decide by the ``Origin`` header."""
        origin = Headers(scope=scope).get("origin")
        if origin is None or (by_token and self.any_with_token):
            return True
        page = _page(origin.lower())
        if page is None:
            return False
        return page == _page(base_url(scope).lower()) or any(
            _matches(it.lower(), origin.lower(), page[0]) for it in self.allowed
        )


class Door:
    """Finds out who asks, in the order token, session, nobody. May block."""

    def __init__(
        self,
        by_token: Callable[[str], Hashable | None],
        *,
        by_session: Callable[[Scope], Hashable | None] = lambda _scope: None,
        origins: Origins = Origins(),
        allow_anonymous: bool = False,
        failures_a_minute: int = _FAILURES_A_MINUTE,
    ) -> None:
        self._by_token = by_token
        self._by_session = by_session
        self._origins = origins
        self._allow_anonymous = allow_anonymous
        self._failures = Windows(failures_a_minute)
        self._failures_of_token = Windows(_FAILURES_OF_A_TOKEN)

    def admit(self, scope: Scope) -> Hashable | None:
        """Who this is; none for somebody without a name, where such are let in.

        Raises
        ------
        NotAdmitted

        """
        token = token_of(scope)
        if not self._origins.admit(scope, by_token=token is not None):
            raise NotAdmitted("origin")
        if token is None:
            return self._without_token(scope)
        return self._with_token(token, caller_of(scope).address)

    def _with_token(self, token: str, address: str) -> Hashable:
        name = hashlib.sha256(token.encode()).hexdigest()
        if not self._failures_of_token.look(name).admitted:
            raise NotAdmitted("token")
        if not self._failures.look(address).admitted:
            raise NotAdmitted("too many failures")
        known = self._by_token(token) if token != _UNREADABLE else None
        if known is None:
            self._failures_of_token.take(name)
            self._failures.take(address)
            raise NotAdmitted("token")
        return known

    def _without_token(self, scope: Scope) -> Hashable | None:
        known = self._by_session(scope)
        if known is None and not self._allow_anonymous:
            raise NotAdmitted("nobody")
        return known


def token_of(scope: Scope) -> str | None:
    """The token a caller presents: as parameter, as subprotocol, or as header."""
    return (
        QueryParams(scope.get("query_string", b"")).get("token")
        or _token_among(offered(scope))
        or _bearer(Headers(scope=scope).get("authorization", ""))
    )


def offered(scope: Scope) -> Collection[str]:
    """Subprotocols the caller would speak."""
    lines = Headers(scope=scope).getlist("sec-websocket-protocol")
    return [word.strip() for line in lines for word in line.split(",")]


def _token_among(words: Collection[str]) -> str | None:
    for word in words:
        if word.startswith(_TOKEN_MARK):
            return _decoded(word.removeprefix(_TOKEN_MARK))
    return None


def _decoded(text: str) -> str:
    """Undo base64 of either alphabet, whose padding may be missing."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return _UNREADABLE


def _bearer(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _matches(allowed: str, origin: str, host: str) -> bool:
    if "://" in allowed:
        return allowed.rstrip("/") == origin
    if allowed.startswith("*."):
        return host.endswith(allowed[1:])
    return allowed == host


def _page(url: str) -> tuple[str, int | None] | None:
    """Host and port; none for a port that goes without saying, whichever the scheme.

    A proxy may end TLS and not say so.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return (parts.hostname, None if port in _USUAL_PORTS else port) if parts.hostname else None
