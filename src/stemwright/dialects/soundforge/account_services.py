"""What the account pages stand on; the entry builds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from stemwright.features.accounts.service import Accounts
from stemwright.features.lalalai.licences import LicenceKeys
from stemwright.features.sessions.links import Links
from stemwright.features.sessions.registration import Registration
from stemwright.features.sessions.service import Sessions
from stemwright.features.spotify.linking import LinkedAccount
from stemwright.web.attempts import Attempts
from stemwright.web.cookies import Cookies

from .visits import Door


class SpotifyLinks(Protocol):
    """Links with Spotify, as ``features.spotify.linking`` has them."""

    def begin(self, owner: str, redirect_url: str, *, ask: bool = False) -> str: ...

    def finish(
        self,
        state: str,
        *,
        code: str | None = None,
        error: str | None = None,
        signed_in: str | None = None,
    ) -> LinkedAccount: ...

    def account(self, owner: str) -> LinkedAccount | None: ...

    def unlink(self, owner: str) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountServices:
    """One process's."""

    accounts: Accounts
    sessions: Sessions
    links: Links
    registration: Registration
    cookies: Cookies
    licences: LicenceKeys
    spotify: SpotifyLinks | None
    """None where no app is registered."""
    spotify_redirect_url: str = ""
    """``/auth/spotify/callback`` where browsers reach this server, as it is registered."""
    attempts: Attempts = field(default_factory=Attempts)

    def door(self) -> Door:
        """Let browsers in."""
        return Door(self.sessions, self.cookies)
