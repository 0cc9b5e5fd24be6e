"""Browser sessions: opened by a password or a link, found by a token, ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from stemwright.db.announcements import announce
from stemwright.db.database import Database
from stemwright.errors import AuthError, LoginRefused, UnknownUser
from stemwright.features.accounts.account import LOCAL_EMAIL, Principal, User, folded
from stemwright.features.accounts.service import RIGHTS, Accounts
from stemwright.kit.clock import utc_now
from stemwright.kit.ids import new_id

from . import repository
from .browser import REISSUED_AFTER, VALID, BrowserSession, Found, Opened
from .tables import BrowserSessionRow
from .tokens import hash_of, new_token

Ended = Callable[[Collection[str]], None]
"""Told the ids of sessions that have ended, once that is committed."""

_GRACE: Final = timedelta(minutes=1)
_SEEN: Final = timedelta(hours=1)


def end_sessions(session: Session, owner: str) -> Sequence[str]:
    """End all sessions of an account and void its links, in the caller's transaction."""
    repository.forget_tokens(session, owner)
    ended = repository.end_sessions(session, owner)
    if ended:
        announce(session, RIGHTS + owner)
    return ended


def forget_sessions(session: Session, owner: str) -> None:
    """End them as well; what ``Accounts`` takes for when a password changes."""
    end_sessions(session, owner)


class Sessions:
    """The browser sessions of one database."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        *,
        clock: Callable[[], datetime] = utc_now,
        on_ended: Sequence[Ended] = (),
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock
        self._on_ended = tuple(on_ended)

    def check_password(self, email: str, password: str) -> User:
        """Find the account of an address and a password.

        Raises
        ------
        LoginRefused
            There is none, or it has another password; both take the same time.
        AccountSuspended, EmailNotVerified

        """
        user = self._accounts.check_password(email, password)
        # by its address alone: an id is no secret, and this account never has a password
        if user is None or folded(email) != folded(user.email) or user.email == LOCAL_EMAIL:
            raise LoginRefused("Invalid email or password")
        self._accounts.principal(user.id)
        return user

    def open(
        self, owner: str, *, remember: bool = False, instead_of: BrowserSession | None = None
    ) -> Opened:
        """Open a session for whom a password or a link has shown.

        It has a token of its own, whatever the browser had before, and ends ``instead_of``.
        """
        self._accounts.principal(owner)
        now, token = self._clock(), new_token()
        row = BrowserSessionRow(
            id=new_id("ses"),
            owner=owner,
            token_hash=hash_of(token),
            issued_at=now,
            authenticated_at=now,
            created_at=now,
            last_seen_at=now,
            expires_at=now + VALID,
            remember=remember,
        )
        with self._database.transaction() as session:
            repository.forget_expired(session, now)
            session.add(row)
            if instead_of is not None:
                _end(session, instead_of.id)
        if instead_of is not None:
            self._tell([instead_of.id])
        return Opened(_session(row), token)

    def find(self, token: str | None, *, renew: bool = True) -> Found | None:
        """Tell whom a token shows; nobody if it is unknown, its time is over, or the account's is.

        With ``renew`` a token of some age is replaced.
        """
        if not token:
            return None
        now, kept = self._clock(), hash_of(token)
        with self._database.reading() as session:
            row = repository.browser_session(session, kept, now)
        if row is None:
            return None
        try:
            principal = self._accounts.principal(row.owner, row.id)
        except (AuthError, UnknownUser):
            return None
        is_current = row.token_hash == kept
        if renew and is_current and now - row.issued_at >= REISSUED_AFTER:
            return Found(_session(row), principal, self._reissued(kept, now))
        if now - row.last_seen_at >= _SEEN:
            with self._database.transaction() as session:
                repository.note_seen(session, row.id, now)
        return Found(_session(row), principal)

    def close(self, session_id: str) -> None:
        """End a session; it is fine if it has ended."""
        with self._database.transaction() as session:
            ended = _end(session, session_id)
        if ended:
            self._tell([session_id])

    def close_all(self, owner: str) -> None:
        """End all sessions of an account and void its links."""
        with self._database.transaction() as session:
            ended = end_sessions(session, owner)
        self._tell(ended)

    def change_password(self, current: BrowserSession, password: str) -> Opened:
        """Give the account another password; of its sessions only this browser's goes on, anew.

        Raises
        ------
        InvalidPassword

        """
        with self._database.reading() as session:
            ending = repository.sessions_of(session, current.owner)
        self._accounts.set_password(current.owner, password)  # which may end them, too
        with self._database.transaction() as session:
            end_sessions(session, current.owner)
        self._tell(ending)
        return self.open(current.owner, remember=current.remember)

    def refused_now(self, principals: Collection[Principal]) -> set[Principal]:
        """Pick those whose session has ended; accounts are looked at elsewhere."""
        ids = {it.session_id for it in principals if it.session_id}
        if not ids:
            return set()
        with self._database.reading() as session:
            alive = repository.alive(session, ids, self._clock())
        return {it for it in principals if it.session_id and it.session_id not in alive}

    def is_fresh(self, session: BrowserSession) -> bool:
        """Whether the last log-in was so recent that the account may be changed."""
        return session.is_fresh(self._clock())

    def sweep(self) -> int:
        """Remove sessions and links whose time is over; how many."""
        with self._database.transaction() as session:
            return repository.forget_expired(session, self._clock())

    def _reissued(self, kept: str, now: datetime) -> str | None:
        token = new_token()
        with self._database.transaction() as session:
            first = repository.reissue(
                session, kept, hash_of(token), now, now + _GRACE, now + VALID
            )
        return token if first else None

    def _tell(self, ended: Collection[str]) -> None:
        if ended:
            for listener in self._on_ended:
                listener(ended)


def _end(session: Session, session_id: str) -> bool:
    owner = repository.end_session(session, session_id)
    if owner is None:
        return False
    announce(session, RIGHTS + owner)
    return True


def _session(row: BrowserSessionRow) -> BrowserSession:
    return BrowserSession(
        id=row.id,
        owner=row.owner,
        authenticated_at=row.authenticated_at,
        created_at=row.created_at,
        expires_at=row.expires_at,
        remember=row.remember,
    )
