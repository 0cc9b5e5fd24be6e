"""Links that are sent by e-mail: to log in, to confirm an account, to change its address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from stemwright.db.database import Database
from stemwright.errors import (
    EmailTaken,
    InvalidEmail,
    LoginLinkInvalid,
    LoginRefused,
    StemwrightError,
    UnknownUser,
)
from stemwright.features.accounts.account import LOCAL_EMAIL, User, clean_email, folded
from stemwright.features.accounts.service import Accounts
from stemwright.kit import logs
from stemwright.kit.clock import utc_now

from . import repository
from .background import Background
from .browser import EMAIL_LINK_VALID, LINK_VALID
from .ports import Mailer
from .tables import LoginTokenRow
from .tokens import hash_of, new_token

LOG_IN: Final = "log-in"
EMAIL: Final = "email"
_MOST_UNUSED: Final = 5
"""Of one account within the time below: nobody's letter box is filled from here."""
_COUNTED: Final = {LOG_IN: LINK_VALID, EMAIL: timedelta(hours=1)}

_log = logs.get_logger(__name__)


@dataclass(slots=True)
class Links:
    """Makes such links and takes them back.

    ``site_url`` is where they lead; it is the operator's word and never a request's, or whoever
    asks for somebody else's link could have it lead to himself.
    """

    database: Database
    accounts: Accounts
    mailer: Mailer
    site_url: str
    clock: Callable[[], datetime] = utc_now
    background: Background = field(default_factory=Background)

    def close(self) -> None:
        """Send what is still to be sent."""
        self.background.close()

    def request_log_in(self, email: str) -> None:
        """Send a link to log in with, if the address has an account.

        Returns at once and says nothing: not even by the time it takes.
        """
        self.background.run(lambda: self._send_log_in(email))

    def owner_of(self, token: str) -> User:
        """Whom a link would log in; it stays good, since mail programs look at links, too.

        Raises
        ------
        LoginLinkInvalid

        """
        return self._found(token, LOG_IN)[1]

    def redeem(self, token: str, password: str = "") -> User:
        """Log in with a link, which confirms the account.

        Somebody else may have opened the account and chosen its password. So an account that was
        not confirmed keeps that only if whoever has the link knows it as well.

        Raises
        ------
        LoginLinkInvalid
        LoginRefused
            The password given is not the account's; the link stays good.
        AccountSuspended

        """
        row, user = self._found(token, LOG_IN)
        unknown = user.email_verified_at is None and user.has_password
        if unknown and password and not self.accounts.check_password(user.email, password):
            raise LoginRefused("That is not the password of this account.")
        self._take(row)
        if unknown and not password:
            self.accounts.set_password(user.id, None)
        return self.accounts.verify_email(user.id)

    def request_email_change(self, owner: str, email: str) -> User | None:
        """Send a link that changes an account's address to the new one; without mail, change it.

        Returns
        -------
        User, or None
            The account, if it was changed at once.

        Raises
        ------
        InvalidEmail, EmailTaken

        """
        address = clean_email(email)
        if folded(address) == folded(self.accounts.find_user(owner).email):
            raise InvalidEmail("did not change")
        if not self.mailer.delivers:
            changed = self.accounts.change_email(owner, address)
            with self.database.transaction() as session:
                repository.forget_tokens(session, owner)
            return changed
        self.background.run(lambda: self._send_email_change(owner, address))
        return None

    def confirm_email(self, owner: str, token: str) -> User:
        """Change the address of the account, whose own browser brings the link.

        Raises
        ------
        LoginLinkInvalid, EmailTaken

        """
        row, user = self._found(token, EMAIL)
        if user.id != owner:
            raise _invalid()
        self._take(row)
        changed = self.accounts.change_email(owner, row.email)
        with self.database.transaction() as session:
            repository.forget_tokens(session, owner)
        return changed

    def _send_log_in(self, email: str) -> None:
        user = self._account(email)
        if user is None or user.suspended_at is not None:
            return
        token = self._new_token(user.id, LOG_IN, user.email, LINK_VALID)
        if token is None:
            _log.info("no further link is sent", owner=user.id)
            return
        self._send(
            user.email,
            "Log in to stemwright",
            f"Hello,\n\nopen this link to log in as {user.email}:\n\n"
            f"{self.site_url}/users/log-in/{token}\n\n"
            "It can be used once, within 15 minutes. If you did not ask for it, do nothing.\n",
        )

    def _send_email_change(self, owner: str, address: str) -> None:
        try:
            address = self.accounts.free_email(address)
        except EmailTaken:
            return  # whoever owns it knows, and whoever asks is not to
        token = self._new_token(owner, EMAIL, address, EMAIL_LINK_VALID)
        if token is None:
            return
        self._send(
            address,
            "Confirm your address at stemwright",
            "Hello,\n\nopen this link, in the browser you are logged in with, to use this address "
            f"for your account:\n\n{self.site_url}/users/settings/confirm-email/{token}\n\n"
            "It can be used once, within 7 days. If you did not ask for it, do nothing.\n",
        )

    def _send(self, to: str, subject: str, text: str) -> None:
        try:
            self.mailer.send(to, subject, text)
        except StemwrightError as error:
            _log.error("a message was not sent", code=error.code, reason=error.message)

    def _account(self, email: str) -> User | None:
        try:
            user = self.accounts.find_user(clean_email(email))
        except (UnknownUser, InvalidEmail):
            return None
        return None if user.email == LOCAL_EMAIL else user

    def _new_token(self, owner: str, purpose: str, email: str, valid: timedelta) -> str | None:
        now, token = self.clock(), new_token()
        row = LoginTokenRow(
            token_hash=hash_of(token),
            owner=owner,
            purpose=purpose,
            email=email,
            created_at=now,
            expires_at=now + valid,
        )
        with self.database.transaction() as session:
            if (
                repository.unused_tokens(session, owner, purpose, now - _COUNTED[purpose])
                >= _MOST_UNUSED
            ):
                return None
            session.add(row)
        return token

    def _found(self, token: str, purpose: str) -> tuple[LoginTokenRow, User]:
        with self.database.reading() as session:
            row = repository.login_token(session, hash_of(token), purpose, self.clock())
        if row is None:
            raise _invalid()
        try:
            user = self.accounts.find_user(row.owner)
        except UnknownUser as error:
            raise _invalid() from error
        if purpose == LOG_IN and folded(user.email) != folded(row.email):
            raise _invalid()  # the address it was sent to is no longer the account's
        return row, user

    def _take(self, row: LoginTokenRow) -> None:
        with self.database.transaction() as session:
            if not repository.take_login_token(session, row.token_hash, self.clock()):
                raise _invalid()


def _invalid() -> LoginLinkInvalid:
    return LoginLinkInvalid("The link is invalid or it has expired.")
