"""Accounts linked with Spotify: the way there and back, and unlinking.

The authorization code grant, with a proof key (PKCE) besides the app's secret.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from stemwright.db.database import Database
from stemwright.errors import SpotifyAccessDenied, SpotifyFailed
from stemwright.kit.clock import utc_now
from stemwright.kit.sealing import Sealer

from . import repository
from .budget import IN_A_REQUEST, Budget, Timing
from .purposes import account_purpose, link_purpose
from .states import State, States, state_invalid
from .tables import SpotifyAccountRow, SpotifyLinkRow
from .tokens import Grant, GrantRefused, TokenEndpoint

SCOPES: Final = "playlist-read-private playlist-read-collaborative user-library-read"
_VALID: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Consent:
    """How users are asked for it."""

    client_id: str
    accounts_url: str
    proof_key: bool = True
    """PKCE."""

    def address(self, redirect_url: str, state: str, verifier: str | None, *, ask: bool) -> str:
        """Where to send the browser; ``ask`` even those who agreed before."""
        said = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_url,
            "scope": SCOPES,
            "state": state,
        }
        if verifier is not None:
            said |= {"code_challenge_method": "S256", "code_challenge": _challenge(verifier)}
        if ask:
            said["show_dialog"] = "true"
        return f"{self.accounts_url.rstrip('/')}/authorize?{urlencode(said)}"


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """A user's link, as the settings page shows it."""

    owner: str
    scopes: tuple[str, ...]
    """Granted; a user may have been given fewer than asked for."""
    linked_at: datetime
    is_usable: bool
    """False once Spotify took the consent back: the user has to link anew."""


@dataclass(slots=True)
class Linking:
    """Links of all accounts."""

    database: Database
    endpoint: TokenEndpoint
    consent: Consent
    sealer: Sealer
    states: States
    clock: Callable[[], datetime] = utc_now
    timing: Timing = field(default_factory=Timing)

    def begin(self, owner: str, redirect_url: str, *, ask: bool = False) -> str:
        """Return the address to send the user's browser to.

        ``redirect_url`` has to be registered with Spotify, character by character.
        """
        now = self.clock()
        state = State(owner, secrets.token_urlsafe(24), now + _VALID)
        verifier = secrets.token_urlsafe(48) if self.consent.proof_key else None
        row = SpotifyLinkRow(
            nonce=state.nonce,
            owner=owner,
            verifier=verifier and self.sealer.seal(verifier, link_purpose(state.nonce)),
            redirect_url=redirect_url,
            expires_at=state.expires_at,
        )
        with self.database.transaction() as session:
            repository.forget_links(session, now)
            repository.add_link(session, row)
        return self.consent.address(redirect_url, self.states.signed(state), verifier, ask=ask)

    def finish(
        self,
        state: str,
        *,
        code: str | None = None,
        error: str | None = None,
        signed_in: str | None = None,
    ) -> LinkedAccount:
        """Take what Spotify sent the browser back with.

        The user is the one who began, as the browser may come back to another name of this host,
        without its session. If it does bring one, ``signed_in``, it has to be the same user's.

        Raises
        ------
        SpotifyStateInvalid
            Nobody began this here, or too long ago, or it was finished before.
        SpotifyAccessDenied
            The user did not agree.
        SpotifyFailed

        """
        opened = self.states.opened(state, self.clock())
        if signed_in is not None and signed_in != opened.owner:
            raise state_invalid()
        with self.database.transaction() as session:
            link = repository.take_link(session, opened.nonce, opened.owner)
        if link is None:
            raise state_invalid()
        _require_consent(code, error)
        return self._linked(link, code or "")

    def account(self, owner: str) -> LinkedAccount | None:
        """The owner's link, if there is one."""
        with self.database.reading() as session:
            row = repository.find_account(session, owner)
            return None if row is None else _account(row)

    def is_linked(self, owner: str) -> bool:
        """Whether there are tokens of this user's."""
        account = self.account(owner)
        return account is not None and account.is_usable

    def unlink(self, owner: str) -> bool:
        """Forget the owner's link; whether there was one. Spotify itself keeps the consent."""
        with self.database.transaction() as session:
            return repository.delete_account(session, owner)

    def sweep(self) -> int:
        """Forget users who were sent to Spotify and did not come back; how many."""
        with self.database.transaction() as session:
            return repository.forget_links(session, self.clock())

    def _linked(self, link: SpotifyLinkRow, code: str) -> LinkedAccount:
        verifier = link.verifier and self.sealer.open(link.verifier, link_purpose(link.nonce))
        try:
            grant = self.endpoint.for_code(
                code, link.redirect_url, verifier, Budget(IN_A_REQUEST, self.timing)
            )
        except GrantRefused as error:
            raise SpotifyFailed(
                f"Spotify did not complete the link: {error}", status=400
            ) from error
        row = self._row(link.owner, grant)
        with self.database.transaction() as session:
            repository.put_account(session, row)
        return _account(row)

    def _row(self, owner: str, grant: Grant) -> SpotifyAccountRow:
        if grant.refresh_token is None:
            raise SpotifyFailed("Spotify linked the account without a refresh token. Link again.")
        now, purpose = self.clock(), account_purpose(owner)
        return SpotifyAccountRow(
            owner=owner,
            scopes=SCOPES if grant.scopes is None else grant.scopes,
            access_token=self.sealer.seal(grant.access_token, purpose),
            refresh_token=self.sealer.seal(grant.refresh_token, purpose),
            expires_at=now + timedelta(seconds=grant.expires_in_s),
            lease=None,
            lease_until=None,
            linked_at=now,
        )


def _require_consent(code: str | None, error: str | None) -> None:
    if error == "access_denied":
        raise SpotifyAccessDenied("Spotify was not allowed to link the account; nothing changed.")
    if error or not code:
        told = "".join(c for c in error or "no code" if c.isprintable())[:100]
        raise SpotifyFailed(f"Spotify did not link the account: {told}. Try again later.")


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def _account(row: SpotifyAccountRow) -> LinkedAccount:
    return LinkedAccount(
        owner=row.owner,
        scopes=tuple(row.scopes.split()),
        linked_at=row.linked_at,
        is_usable=row.refresh_token is not None,
    )
