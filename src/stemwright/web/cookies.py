"""What a browser carries between requests: a signed cookie, and the token to be remembered by."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import Response

from .forwarded import base_url

SESSION: Final = "_sound_forge_key"
REMEMBERED: Final = "_sound_forge_web_user_remember_me"
_LONGEST: Final = 4096
_MOST_FLASHES: Final = 4
_LONGEST_PATH: Final = 1024

Flash = tuple[str, str]
"""A kind, ``info`` or ``error``, and a sentence to be shown once."""


@dataclass(slots=True)
class Carried:
    """The contents of the session cookie. Signed, but not hidden from whoever has the browser."""

    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    token: str | None = field(default=None, repr=False)
    flashes: list[Flash] = field(default_factory=list)
    return_to: str | None = None

    def renew(self) -> None:
        """Begin anew, as at every log-in and log-out: what an attacker may have set is void."""
        self.csrf = secrets.token_urlsafe(32)
        self.token = None
        self.flashes = []
        self.return_to = None

    def say(self, kind: str, text: str) -> None:
        """Have a sentence shown on the next page."""
        self.flashes = [*self.flashes, (kind, text)][-_MOST_FLASHES:]

    def take_flashes(self) -> list[Flash]:
        """What is to be shown on this page."""
        taken, self.flashes = self.flashes, []
        return taken

    def take_return(self) -> str:
        """Where the browser was going before it was sent to log in."""
        taken, self.return_to = safe_path(self.return_to), None
        return taken


class Cookies:
    """Reads and writes them. Every host of a fleet has the same secret."""

    def __init__(self, secret: bytes) -> None:
        self._session = _serializer(secret, "stemwright.session")
        self._remembered = _serializer(secret, "stemwright.remembered")

    def read(self, request: Request) -> Carried | None:
        """What the browser carries; nothing if it was changed, or is not ours."""
        said = _opened(self._session, request.cookies.get(SESSION))
        match said:
            case {"c": str(csrf), "t": None | str() as token, "f": list(flashes), "r": returning}:
                shown = [(str(kind), str(text)) for kind, text in flashes]
                return Carried(csrf, token, shown, returning or None)
            case _:
                return None

    def write(self, request: Request, response: Response, carried: Carried) -> None:
        """Have the browser carry this until it is closed."""
        path = carried.return_to
        said = {
            "c": carried.csrf,
            "t": carried.token,
            "f": carried.flashes,
            "r": path if path and len(path) <= _LONGEST_PATH else None,
        }
        _set(request, response, SESSION, self._session.dumps(said))

    def remembered(self, request: Request) -> str | None:
        """The token of a browser that was to be remembered."""
        said = _opened(self._remembered, request.cookies.get(REMEMBERED))
        return said if isinstance(said, str) else None

    def remember(
        self, request: Request, response: Response, token: str, lasting: timedelta
    ) -> None:
        """Have the browser keep a token when it is closed."""
        text = self._remembered.dumps(token)
        _set(request, response, REMEMBERED, text, int(lasting.total_seconds()))

    def forget(self, request: Request, response: Response) -> None:
        """Have it keep none."""
        if REMEMBERED in request.cookies:
            _set(request, response, REMEMBERED, "", 0)


def safe_path(text: str | None) -> str:
    r"""A path on this server to send a browser to; ``/`` in place of anything else.

    Browsers read ``//host`` and ``/\host`` as another server, and drop tabs and line ends first.
    """
    if not text or not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        return "/"
    return text if text.startswith("/") and not text.startswith("//") else "/"


def _serializer(secret: bytes, salt: str) -> URLSafeSerializer:
    return URLSafeSerializer(
        secret, salt=salt, signer_kwargs={"key_derivation": "hmac", "digest_method": sha256}
    )


def _opened(serializer: URLSafeSerializer, text: str | None) -> Any:  # noqa: ANN401 - JSON
    if not text or len(text) > _LONGEST:
        return None
    try:
        return serializer.loads(text)
    except (BadData, ValueError):
        return None


def _set(
    request: Request, response: Response, name: str, value: str, lasting_s: int | None = None
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=lasting_s,
        path="/",
        secure=base_url(request.scope).startswith("https:"),
        httponly=True,
        samesite="lax",
    )
