"""Access tokens of linked accounts, refreshed by one thread of one process at a time.

Spotify may replace the refresh token whenever it is used, and the old one is void then: two at a
time would leave the account with a void one. A lease in the row keeps the others off, for the time
of one call and without holding a transaction open during it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from stemwright.db.database import Database
from stemwright.errors import SealBroken, SpotifyNotLinked
from stemwright.kit.clock import utc_now
from stemwright.kit.sealing import Sealer

from . import repository
from .budget import Budget
from .purposes import account_purpose
from .tokens import Grant, GrantRefused, TokenEndpoint

_EARLY: Final = timedelta(seconds=60)
_REFRESH_S: Final = 20.0
_LEASE: Final = timedelta(seconds=60)
"""Well over the longest refresh; only a process that died leaves one to run out."""
_LOOK_AGAIN_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Kept:
    access_token: str
    refresh_token: str
    sealed: str
    """The refresh token as it stands in the row, by which it is told from its successor."""
    expires_at: datetime


@dataclass(slots=True)
class LinkedTokens:
    """Tokens of all linked accounts."""

    database: Database
    endpoint: TokenEndpoint
    sealer: Sealer
    clock: Callable[[], datetime] = utc_now

    def current(self, owner: str, spent: str | None, budget: Budget) -> str:
        """Return a token that is not ``spent`` and lasts a while.

        Raises
        ------
        SpotifyNotLinked
            The user has to link the account, or to link it anew.
        SpotifyFailed

        """
        while True:
            kept = self._kept(owner)
            if kept.access_token != spent and self.clock() < kept.expires_at - _EARLY:
                return kept.access_token
            budget.for_a_call()
            lease = self._lease(owner, kept)
            if lease is None:
                budget.wait(_LOOK_AGAIN_S)
            elif token := self._refreshed(owner, kept, lease, budget):
                return token

    def _kept(self, owner: str) -> _Kept:
        with self.database.reading() as session:
            row = repository.find_account(session, owner)
        if row is None or row.access_token is None or row.refresh_token is None:
            raise _not_linked()
        purpose = account_purpose(owner)
        try:
            return _Kept(
                self.sealer.open(row.access_token, purpose),
                self.sealer.open(row.refresh_token, purpose),
                row.refresh_token,
                row.expires_at,
            )
        except SealBroken as error:
            with self.database.transaction() as session:
                repository.drop_tokens(session, owner, row.refresh_token)
            raise _not_linked() from error

    def _lease(self, owner: str, kept: _Kept) -> str | None:
        lease, now = secrets.token_urlsafe(24), self.clock()
        with self.database.transaction() as session:
            taken = repository.take_lease(session, owner, kept.sealed, lease, now, now + _LEASE)
        return lease if taken else None

    def _refreshed(self, owner: str, kept: _Kept, lease: str, budget: Budget) -> str | None:
        """Refresh and give the lease back, whatever comes; none when there is nothing to use."""
        grant: Grant | None = None
        outcome: dict[str, Any] = {}
        try:
            grant = self.endpoint.refreshed(kept.refresh_token, budget.part(_REFRESH_S))
            outcome = self._stored(owner, grant)
        except GrantRefused:
            outcome = {"access_token": None, "refresh_token": None}
        finally:
            with self.database.transaction() as session:
                settled = repository.settle_lease(session, owner, lease, outcome)
        # not settled: the user linked anew, or unlinked, in the meantime
        return grant.access_token if grant is not None and settled else None

    def _stored(self, owner: str, grant: Grant) -> dict[str, Any]:
        purpose = account_purpose(owner)
        stored: dict[str, Any] = {
            "access_token": self.sealer.seal(grant.access_token, purpose),
            "expires_at": self.clock() + timedelta(seconds=grant.expires_in_s),
        }
        if grant.refresh_token is not None:
            stored["refresh_token"] = self.sealer.seal(grant.refresh_token, purpose)
        if grant.scopes is not None:
            stored["scopes"] = grant.scopes
        return stored


@dataclass(frozen=True, slots=True)
class LinkedAccess:
    """One user's tokens, for the Web API."""

    tokens: LinkedTokens
    owner: str

    def token(self, budget: Budget) -> str:
        """Return one that lasts a while."""
        return self.tokens.current(self.owner, None, budget)

    def renewed(self, spent: str, budget: Budget) -> str:
        """Return another than the one that was refused."""
        return self.tokens.current(self.owner, spent, budget)


def _not_linked() -> SpotifyNotLinked:
    return SpotifyNotLinked(
        "The account is not linked with Spotify, or Spotify took the link back. Link it again in "
        "the settings."
    )
