"""Accounts and API keys: making, finding, suspending, and telling whom a request is from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stemwright.db.announcements import announce
from stemwright.db.database import Database
from stemwright.errors import (
    AccountSuspended,
    AuthError,
    EmailNotVerified,
    EmailTaken,
    InvalidApiKey,
    KeyExpired,
    KeyRevoked,
    UnknownApiKey,
    UnknownUser,
)
from stemwright.kit.clock import utc_now
from stemwright.kit.ids import new_id

from . import repository
from .account import LOCAL_EMAIL, ApiKey, Principal, User, clean_email, clean_name, folded
from .keys import hash_of, new_secret, prefix_of, secret_in
from .last_use import LastUse
from .passwords import Passwords, require_length
from .tables import ApiKeyRow, UserRow

Opened = Callable[[Session, str], None]

RIGHTS: Final = "rights:"
"""Before the id of an account, in announcements that it or a key of it is refused from now on."""


class Accounts:
    """The accounts of one database.

    Nothing is remembered between requests, so a revoked key or a suspended account is refused
    from the next request on, in every process.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime] = utc_now,
        passwords: Passwords | None = None,
        on_opened: Sequence[Opened] = (),
        on_password: Sequence[Opened] = (),
    ) -> None:
        """``on_opened`` gets the id of every new account, in the transaction that makes it.

        ``on_password`` likewise gets the id of an account whose password is changed.
        """
        self._database = database
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._on_opened = tuple(on_opened)
        self._on_password = tuple(on_password)
        self._last_use = LastUse(database)

    def close(self) -> None:
        """Write what is still to be written."""
        self._last_use.close()

    # -------------------------------------------------------------------------------- requests

    def authenticate(self, header: str | None) -> Principal:
        """Tell whom a request is from, by its ``Authorization`` header.

        Raises
        ------
        AuthError
            One class for each reason: no key, no key of ours, an unknown one, a revoked or expired
            one, an account that is suspended or whose address is not verified.

        """
        secret, now = secret_in(header), self._clock()
        with self._database.reading() as session:
            found = repository.presented_key(session, secret)
        if found is None:
            raise InvalidApiKey("There is no such API key.")
        key, user = found
        _check_key(key, now)
        _check_user(user)
        self._last_use.note(key.id, now, key.last_used_at)
        return Principal(user.id, key.id, user.email, user.is_admin)

    def principal(self, owner: str, session_id: str | None = None) -> Principal:
        """An account as the one a request is from, after something else than a key showed it.

        Raises
        ------
        AccountSuspended, EmailNotVerified, UnknownUser

        """
        with self._database.reading() as session:
            user = _known(repository.user_named(session, owner), owner)
        _check_user(user)
        return Principal(user.id, None, user.email, user.is_admin, session_id)

    def refused_now(self, principals: Collection[Principal]) -> set[Principal]:
        """Pick those who were let in and would not be any more."""
        now = self._clock()
        with self._database.reading() as session:
            users = repository.users_by_id(session, {it.owner for it in principals})
            keys = repository.keys_by_id(session, {it.key_id for it in principals if it.key_id})
        welcome = {user.id for user in users if _is_fine(_check_user, user)}
        welcome |= {key.id for key in keys if _is_fine(_check_key, key, now)}
        return {it for it in principals if not {it.owner, it.key_id or it.owner} <= welcome}

    def check_password(self, email: str, password: str) -> User | None:
        """Find the account of an address and a password, or nobody, in the same time.

        A hash with parameters of the past is replaced. Whether the account may be used is for the
        caller to look at.
        """
        with self._database.reading() as session:
            row = repository.user_named(session, email)
        kept = None if row is None else row.password_hash
        if not self._passwords.matches(kept, password) or row is None or kept is None:
            return None
        if self._passwords.outdated(kept):
            renewed = self._passwords.hash(password)
            with self._changing(row.id) as current:
                current.password_hash = renewed
        return _user(row)

    # -------------------------------------------------------------------------------- accounts

    def create_user(
        self,
        email: str,
        *,
        name: str | None = None,
        password: str | None = None,
        is_admin: bool = False,
        verified: bool = False,
    ) -> User:
        """Open an account; its name is the part of the address before the @ unless given."""
        address = clean_email(email)
        if folded(address) == LOCAL_EMAIL:
            raise EmailTaken(f"{address} is kept for whoever runs this server.")
        if password is not None:
            require_length(password)
        row = self._row(
            address, clean_name(address.partition("@")[0][:100] if name is None else name)
        )
        row.password_hash = None if password is None else self._passwords.hash(password)
        row.is_admin = is_admin
        row.email_verified_at = row.created_at if verified else None
        return self._open(row)

    def ensure_default_user(self) -> User:
        """Find or open the account of somebody who runs the service for himself."""
        try:
            return self.find_user(LOCAL_EMAIL)
        except UnknownUser:
            pass
        row = self._row(LOCAL_EMAIL, "local")
        row.email_verified_at = row.created_at
        try:
            return self._open(row)
        except EmailTaken:  # by another process, just now
            return self.find_user(LOCAL_EMAIL)

    def find_user(self, text: str) -> User:
        """Find an account by e-mail address or id."""
        with self._database.reading() as session:
            return _user(_known(repository.user_named(session, text), text))

    def list_users(self) -> list[User]:
        """All accounts, the oldest first."""
        with self._database.reading() as session:
            return [_user(row) for row in repository.users(session)]

    def verify_email(self, text: str) -> User:
        """Take an account's address for confirmed; the first time counts."""
        with self._changing(text) as row:
            row.email_verified_at = row.email_verified_at or self._clock()
            return _user(row)

    def suspend(self, text: str) -> User:
        """Refuse every request of an account from now on; its work and files stay."""
        with self._database.transaction() as session:
            row = _known(repository.user_named(session, text), text)
            row.suspended_at = row.suspended_at or self._clock()
            announce(session, RIGHTS + row.id)
            return _user(row)

    def unsuspend(self, text: str) -> User:
        """Let a suspended account work again."""
        with self._changing(text) as row:
            row.suspended_at = None
            return _user(row)

    def set_admin(self, text: str, *, is_admin: bool) -> User:
        """Let an account run this server from the browser, or no longer."""
        with self._changing(text) as row:
            row.is_admin = is_admin
            return _user(row)

    def set_password(self, text: str, password: str | None) -> User:
        """Give an account a password, another one, or none."""
        if password is not None:
            require_length(password)
        kept = None if password is None else self._passwords.hash(password)
        with self._database.transaction() as session:
            row = _known(repository.user_named(session, text), text)
            row.password_hash = kept
            for changed in self._on_password:
                changed(session, row.id)
            return _user(row)

    def change_email(self, owner: str, email: str) -> User:
        """Give an account another address, which is taken for confirmed.

        Raises
        ------
        EmailTaken, InvalidEmail, UnknownUser

        """
        address = self.free_email(email)
        try:
            with self._changing(owner) as row:
                row.email, row.email_folded = address, folded(address)
                row.email_verified_at = self._clock()
                return _user(row)
        except IntegrityError as error:  # taken meanwhile
            raise EmailTaken(f"{address} has an account already.") from error

    def free_email(self, email: str) -> str:
        """Clean an address for an account that is to have it.

        Raises
        ------
        EmailTaken, InvalidEmail

        """
        address = clean_email(email)
        with self._database.reading() as session:
            taken = repository.user_named(session, address) is not None
        if taken or folded(address) == LOCAL_EMAIL:
            raise EmailTaken(f"{address} has an account already.")
        return address

    # ------------------------------------------------------------------------------------ keys

    def create_key(
        self, owner: str, name: str, expires_at: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """Make a key for an account; the secret is not to be had a second time."""
        secret = new_secret()
        row = ApiKeyRow(
            id=new_id("key"),
            owner=owner,
            name=clean_name(name),
            prefix=prefix_of(secret),
            secret_hash=hash_of(secret),
            created_at=self._clock(),
            expires_at=expires_at,
        )
        with self._database.transaction() as session:
            _known(repository.user_named(session, owner), owner)
            session.add(row)
        return _key(row), secret

    def list_keys(self, owner: str | None = None) -> list[ApiKey]:
        """Keys of an account, or of all accounts; the oldest first, the revoked too."""
        with self._database.reading() as session:
            return [_key(row) for row in repository.keys(session, owner)]

    def revoke_key(self, text: str, owner: str | None = None) -> ApiKey:
        """Take a key back by its id, its prefix, or the secret itself; doing so twice is fine."""
        with self._database.transaction() as session:
            found = repository.keys_named(session, text, owner)
            if not found:
                raise UnknownApiKey("There is no such API key; 'stemwright keys list' shows all.")
            if len(found) > 1:
                ids = ", ".join(row.id for row in found)
                raise UnknownApiKey(f"Several API keys start like that; name one by its id: {ids}.")
            found[0].revoked_at = found[0].revoked_at or self._clock()
            announce(session, RIGHTS + found[0].owner)
            return _key(found[0])

    # --------------------------------------------------------------------------------- private

    def _row(self, email: str, name: str) -> UserRow:
        return UserRow(
            id=new_id("usr"),
            email=email,
            email_folded=folded(email),
            name=name,
            is_admin=False,
            created_at=self._clock(),
        )

    def _open(self, row: UserRow) -> User:
        with self._database.transaction() as session:
            try:
                session.add(row)
                session.flush()
            except IntegrityError as error:
                raise EmailTaken(f"{row.email} has an account already.") from error
            user = _user(row)
            for opened in self._on_opened:
                opened(session, row.id)
        return user

    @contextmanager
    def _changing(self, text: str) -> Iterator[UserRow]:
        with self._database.transaction() as session:
            yield _known(repository.user_named(session, text), text)


def _known(row: UserRow | None, text: str) -> UserRow:
    if row is None:
        raise UnknownUser(f"There is no account {text!r}; 'stemwright users list' shows all.")
    return row


def _check_key(key: ApiKeyRow, now: datetime) -> None:
    if key.revoked_at is not None:
        raise KeyRevoked("This API key was revoked. Use another one.")
    if key.expires_at is not None and key.expires_at <= now:
        raise KeyExpired("This API key has expired. Make another one.")


def _check_user(user: UserRow) -> None:
    if user.suspended_at is not None:
        raise AccountSuspended("This account is suspended. Ask the operator of this server.")
    if user.email_verified_at is None:
        raise EmailNotVerified("Confirm the e-mail address of this account first.")


def _is_fine(check: Callable[..., None], *given: object) -> bool:
    try:
        check(*given)
    except AuthError:
        return False
    return True


def _user(row: UserRow) -> User:
    return User(
        id=row.id,
        email=row.email,
        name=row.name,
        is_admin=row.is_admin,
        has_password=row.password_hash is not None,
        email_verified_at=row.email_verified_at,
        suspended_at=row.suspended_at,
        created_at=row.created_at,
    )


def _key(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        owner=row.owner,
        name=row.name,
        prefix=row.prefix,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
