"""Where access tokens are had, and the one that belongs to the app itself."""

from __future__ import annotations

import re
import threading
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from stemwright.errors import SpotifyFailed
from stemwright.kit import logs

from .budget import Budget, Timing
from .calls import Caller, Reply
from .reading import text, whole

log = logs.get_logger(__name__)

_HEADER_TEXT: Final = re.compile(r"[!-~]+")
_UNSAID_LIFE_S: Final = 3600
_EARLY_S: Final = 100
"""How long before its end the app's token is replaced."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the operator was given for the app."""

    client_id: str
    client_secret: str = field(default="", repr=False)
    """None for an app that is trusted with no secret: it reads only for linked accounts."""

    @property
    def basic(self) -> str:
        """Value of the Authorization header."""
        return f"Basic {b64encode(f'{self.client_id}:{self.client_secret}'.encode()).decode()}"


@dataclass(frozen=True, slots=True)
class Grant:
    """Tokens as they were given."""

    access_token: str = field(repr=False)
    expires_in_s: int
    refresh_token: str | None = field(default=None, repr=False)
    """None where the one used goes on working."""
    scopes: str | None = None
    """Separated by spaces; None where they are those asked for."""


class GrantRefused(Exception):
    """What was to be exchanged for tokens is used up, withdrawn, or not from here."""


class TokenEndpoint:
    """The accounts service's ``/api/token``."""

    def __init__(self, caller: Caller, accounts_url: str, credentials: Credentials) -> None:
        self._caller = caller
        self._url = f"{accounts_url.rstrip('/')}/api/token"
        self._credentials = credentials

    def for_app(self, budget: Budget) -> Grant:
        """Ask for what reads public metadata.

        Raises
        ------
        SpotifyFailed

        """
        return self._granted({"grant_type": "client_credentials"}, budget)

    def for_code(self, code: str, redirect_url: str, verifier: str | None, budget: Budget) -> Grant:
        """Exchange the code that a user's consent gave.

        Raises
        ------
        GrantRefused, SpotifyFailed

        """
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_url}
        return self._granted(form | ({"code_verifier": verifier} if verifier else {}), budget)

    def refreshed(self, refresh_token: str, budget: Budget) -> Grant:
        """Exchange a refresh token.

        Raises
        ------
        GrantRefused, SpotifyFailed

        """
        return self._granted(
            {"grant_type": "refresh_token", "refresh_token": refresh_token}, budget
        )

    def _granted(self, form: Mapping[str, str], budget: Budget) -> Grant:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self._credentials.client_secret:
            headers["Authorization"] = self._credentials.basic
        else:
            form = {**form, "client_id": self._credentials.client_id}
        content = urlencode(form).encode("ascii")
        reply = self._caller.call("POST", self._url, budget, headers=headers, content=content)
        return _grant(reply)


class AppTokens:
    """The app's own token, kept until shortly before it expires; one for all threads."""

    def __init__(self, endpoint: TokenEndpoint, timing: Timing) -> None:
        self._endpoint = endpoint
        self._timing = timing
        self._lock = threading.Lock()
        self._token, self._good_until = "", 0.0

    def token(self, budget: Budget) -> str:
        """Return the token, after asking for one if need be."""
        return self._current(None, budget)

    def renewed(self, spent: str, budget: Budget) -> str:
        """Return another; only the first of those who had ``spent`` asks for it."""
        return self._current(spent, budget)

    def _current(self, spent: str | None, budget: Budget) -> str:
        if not self._lock.acquire(timeout=max(budget.left(), 0.0)):
            raise SpotifyFailed("Spotify did not answer in time. Try again later.")
        try:
            if self._token in {"", spent} or self._timing.monotonic() >= self._good_until:
                self._renew(budget)
            return self._token
        finally:
            self._lock.release()

    def _renew(self, budget: Budget) -> None:
        try:
            grant = self._endpoint.for_app(budget)
        except GrantRefused as error:
            raise SpotifyFailed(f"Spotify gave no token: {error}", status=400) from error
        self._token = grant.access_token
        self._good_until = self._timing.monotonic() + grant.expires_in_s - _EARLY_S


def _grant(reply: Reply) -> Grant:
    told = reply.good
    access_token = text(told.get("access_token")) if told else ""
    if not told or not _HEADER_TEXT.fullmatch(access_token):
        raise _refusal(reply)
    life_s = whole(told.get("expires_in"))
    return Grant(
        access_token=access_token,
        expires_in_s=_UNSAID_LIFE_S if life_s is None else life_s,
        refresh_token=text(told.get("refresh_token")) or None,
        scopes=text(told.get("scope")) or None,
    )


def _refusal(reply: Reply) -> GrantRefused | SpotifyFailed:
    failure = reply.failure()
    told: Mapping[str, Any] = reply.told or {}
    if told.get("error") == "invalid_grant":
        return GrantRefused(failure.message)
    if told.get("error") in {"invalid_client", "unauthorized_client"}:
        log.error(
            "Spotify does not know this app: STEMWRIGHT_SPOTIFY_CLIENT_ID or "
            "STEMWRIGHT_SPOTIFY_CLIENT_SECRET is wrong",
            said=failure.message,
        )
        return SpotifyFailed(failure.message, status=401)
    return failure
