"""Opening an account in the browser."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from stemwright.errors import EmailTaken, InvalidPassword, RegistrationClosed
from stemwright.features.accounts.account import clean_email
from stemwright.features.accounts.passwords import require_length
from stemwright.features.accounts.service import Accounts

from .links import Links


@dataclass(frozen=True, slots=True)
class Registration:
    """With mail, an address is confirmed by the link sent to it; without, a password suffices."""

    accounts: Accounts
    links: Links
    is_open: bool = True

    @property
    def needs_password(self) -> bool:
        """Whether there is no other way to log in."""
        return not self.links.mailer.delivers

    def register(self, email: str, password: str | None) -> None:
        """Open an account, or with mail, let the owner of an address know that there is one.

        With mail, a caller does not learn whether there was. Without, he has to: he could not
        tell otherwise why his password is not taken.

        Raises
        ------
        InvalidEmail, InvalidPassword, EmailTaken, RegistrationClosed

        """
        if not self.is_open:
            raise RegistrationClosed("Accounts are opened by the operator of this server.")
        if self.needs_password:
            if not password:
                raise InvalidPassword("can't be blank")
            self.accounts.create_user(email, password=password, verified=True)
            return
        address = clean_email(email)
        if password:
            require_length(password)
        # not here: a new row takes longer than one that is there
        self.links.background.run(lambda: self._open(address, password or None))
        self.links.request_log_in(address)

    def _open(self, address: str, password: str | None) -> None:
        with contextlib.suppress(EmailTaken):
            self.accounts.create_user(address, password=password)
