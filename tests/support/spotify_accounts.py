"""Spotify's accounts service: consent, codes and tokens, by the rules of OAuth 2 and PKCE."""

from __future__ import annotations

import hashlib
import itertools
import re
import threading
from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_FORM = "application/x-www-form-urlencoded"

Form = dict[str, str]


class Refusal(Exception):
    """What is asked is not given; the text says why."""


class OAuthError(Refusal):
    """An error of the token endpoint, with its code."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code, self.status = code, status


@dataclass(frozen=True)
class _Code:
    user: str
    redirect_url: str
    challenge: str | None
    scope: str


@dataclass
class AccountsService:
    """One app and the users who may consent to it."""

    client_id: str = "app-id"
    client_secret: str = "app-secret"
    """Empty: a public app, which has none."""
    redirect_urls: set[str] = field(
        default_factory=lambda: {"http://127.0.0.1:8000/auth/spotify/callback"}
    )
    user: str = "alice"
    """Who sits at the browser, signed in."""
    consents: bool = True
    grants: str | None = None
    """Scopes given instead of those asked for."""
    rotates: bool = True
    """A refresh gives a new refresh token and makes the old one void."""
    expires_in: int = 3600

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._codes: dict[str, _Code] = {}
        self._refresh_tokens: dict[str, tuple[str, str]] = {}
        self._access_tokens: dict[str, str | None] = {}
        self._spent: set[str] = set()

    # ----------------------------------------------------------------------------- access tokens

    def reader(self, token: str) -> str | None:
        """Say whose token it is; nobody's if it is the app's own."""
        with self._lock:
            if not token:
                raise Refusal("No token provided")
            if token in self._spent:
                raise Refusal("The access token expired")
            if token not in self._access_tokens:
                raise Refusal("Invalid access token")
            return self._access_tokens[token]

    def expire_tokens(self) -> None:
        """Let every access token given so far expire."""
        with self._lock:
            self._spent |= set(self._access_tokens)

    def withdraw_consent(self) -> None:
        """Let every refresh token be void, as when a user removes the app."""
        with self._lock:
            self._refresh_tokens.clear()

    # ---------------------------------------------------------------------------------- /authorize

    def authorize(self, query: dict[str, str]) -> tuple[str, dict[str, str]]:
        """Say where the browser is sent back to, and with what."""
        if query.get("client_id") != self.client_id:
            raise Refusal("INVALID_CLIENT: Invalid client")
        url = query.get("redirect_uri", "")
        if url not in self.redirect_urls or url.startswith("http://localhost"):
            raise Refusal("INVALID_CLIENT: Invalid redirect URI")
        back = {"state": query["state"]} if "state" in query else {}
        challenge = query.get("code_challenge")
        if query.get("response_type") != "code":
            return url, back | {"error": "unsupported_response_type"}
        if challenge is not None and (
            query.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge)
        ):
            return url, back | {"error": "invalid_request"}
        if not self.consents:
            return url, back | {"error": "access_denied"}
        scope = query.get("scope", "") if self.grants is None else self.grants
        code = self._new("AQ")
        self._codes[code] = _Code(self.user, url, challenge, scope)
        return url, back | {"code": code}

    # ---------------------------------------------------------------------------------- /api/token

    def token(self, headers: dict[str, str], form: Form) -> tuple[int, dict[str, Any]]:
        """Answer a POST of the token endpoint."""
        with self._lock:
            try:
                return 200, self._granted(headers, form)
            except OAuthError as error:
                told = {"error": error.code, "error_description": str(error)}
                return error.status, told

    def _granted(self, headers: dict[str, str], form: Form) -> dict[str, Any]:
        if headers.get("content-type", "").partition(";")[0] != _FORM:
            raise OAuthError("invalid_request", "unsupported content type", 415)
        proved = self._proved(headers, form)
        match form.get("grant_type"):
            case "client_credentials" if proved:
                return self._access(None)
            case "client_credentials":
                raise OAuthError("invalid_client", "Invalid client secret")
            case "authorization_code":
                return self._for_code(form, proved=proved)
            case "refresh_token":
                return self._refreshed(form)
        raise OAuthError("unsupported_grant_type", "grant_type parameter is missing or unknown")

    def _proved(self, headers: dict[str, str], form: Form) -> bool:
        """Whether the app showed its secret; a public one only gives its name."""
        scheme, _, said = headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            if not self.client_secret or said_by(said) != (self.client_id, self.client_secret):
                raise OAuthError("invalid_client", "Invalid client secret")
            return True
        if form.get("client_id") != self.client_id:
            raise OAuthError("invalid_client", "Invalid client")
        return False

    def _for_code(self, form: Form, *, proved: bool) -> dict[str, Any]:
        code = self._codes.pop(form.get("code", ""), None)
        if code is None:
            raise OAuthError("invalid_grant", "Invalid authorization code")
        if form.get("redirect_uri") != code.redirect_url:
            raise OAuthError("invalid_grant", "Invalid redirect URI")
        if code.challenge is None and not proved:
            raise OAuthError("invalid_client", "code_verifier or client_secret must be supplied")
        if code.challenge is not None and challenge_of(form) != code.challenge:
            raise OAuthError("invalid_grant", "code_verifier was incorrect")
        refresh_token = self._new("RT")
        self._refresh_tokens[refresh_token] = (code.user, code.scope)
        told = self._access(code.user)
        return told | {"refresh_token": refresh_token, "scope": code.scope}

    def _refreshed(self, form: Form) -> dict[str, Any]:
        used = form.get("refresh_token", "")
        if used not in self._refresh_tokens:
            raise OAuthError("invalid_grant", "Refresh token revoked")
        user, scope = self._refresh_tokens[used]
        told = self._access(user) | {"scope": scope}
        if self.rotates:
            del self._refresh_tokens[used]
            told["refresh_token"] = self._new("RT")
            self._refresh_tokens[told["refresh_token"]] = (user, scope)
        return told

    def _access(self, user: str | None) -> dict[str, Any]:
        token = self._new("BQ")
        self._access_tokens[token] = user
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in}

    def _new(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers)}"


def said_by(basic: str) -> tuple[str, str]:
    """Take the credentials out of a Basic header."""
    name, _, secret = b64decode(basic).decode().partition(":")
    return name, secret


def challenge_of(form: Form) -> str:
    """Compute what the verifier proves; nothing for one that is none."""
    verifier = form.get("code_verifier", "")
    if not _VERIFIER.fullmatch(verifier):
        return ""
    digest = hashlib.sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")
