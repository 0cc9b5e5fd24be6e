"""What this feature needs from outside."""

from __future__ import annotations

from typing import Protocol


class Mailer(Protocol):
    """Sends plain messages."""

    @property
    def delivers(self) -> bool:
        """Whether messages reach an address, and so show whose it is."""

    def send(self, to: str, subject: str, text: str) -> None:
        """Send one.

        Raises
        ------
        MailFailed

        """
