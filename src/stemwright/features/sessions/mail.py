"""Messages: over SMTP, or into the log where there is no mail server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from stemwright.errors import MailFailed, OptionError
from stemwright.features.accounts.account import clean_email
from stemwright.kit import logs
from stemwright.kit.clock import utc_now

from .ports import Mailer

_TIMEOUT_S: Final = 20
_PORTS: Final = {"smtp": 25, "smtps": 465}
_NEAR: Final = frozenset({"localhost", "127.0.0.1", "::1"})

_log = logs.get_logger(__name__)


def open_mailer(url: str, sender: str, *, public_url: str, ca_file: Path | None = None) -> Mailer:
    """Choose by the settings.

    Raises
    ------
    OptionError
        They make no sense.

    """
    if not url:
        return LoggedMail()
    if not public_url:
        raise OptionError(
            "STEMWRIGHT_MAIL_URL needs STEMWRIGHT_PUBLIC_URL: links in messages begin with it."
        )
    return _smtp(url, sender, str(ca_file) if ca_file else None)


class LoggedMail:
    """For a server without mail: its operator reads the log and passes links on."""

    delivers: Final = False

    def send(self, to: str, subject: str, text: str) -> None:
        """Write a message to the log."""
        _log.warning("no mail server is set, so this was not sent", to=to, about=subject, said=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpMail:
    """One connection for each message: there are few."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    implicit_tls: bool = False
    ca_file: str | None = None
    clock: Callable[[], datetime] = utc_now

    @property
    def delivers(self) -> bool:
        return True

    def send(self, to: str, subject: str, text: str) -> None:
        """Send a message.

        Raises
        ------
        MailFailed

        """
        try:
            with self._connect() as server:
                server.send_message(self._message(to, subject, text))
        except (OSError, smtplib.SMTPException, ValueError) as error:
            # not its text: servers quote addresses and, when asked for a password, more
            reason = type(error).__name__
            raise MailFailed(
                f"The mail server {self.host}:{self.port} did not take a message: {reason}."
            ) from error

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.implicit_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=_TIMEOUT_S, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=_TIMEOUT_S)
        try:
            self._greet(server, context)
        except BaseException:
            server.close()
            raise
        return server

    def _greet(self, server: smtplib.SMTP, context: ssl.SSLContext) -> None:
        server.ehlo()
        protected = self.implicit_tls or self.host in _NEAR
        if not self.implicit_tls and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
            protected = True
        if not self.user:
            return
        if not protected:
            raise smtplib.SMTPNotSupportedError("a password is not sent without TLS")
        server.login(self.user, self.password)

    def _message(self, to: str, subject: str, text: str) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["Subject"] = _address(self.sender), subject
        message["To"] = _address(to)
        message["Date"] = format_datetime(self.clock())
        message["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text, cte="quoted-printable")  # which every server takes
        return message


def _address(email: str) -> Address:
    # by its parts: as one text, "a@b, c@d" would be two
    user, _, host = email.rpartition("@")
    return Address(username=user, domain=host)


def _smtp(url: str, sender: str, ca_file: str | None) -> SmtpMail:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in _PORTS or not parts.hostname or port == 0 or parts.path.strip("/"):
        raise OptionError("STEMWRIGHT_MAIL_URL: write smtp://USER:PASSWORD@HOST:PORT, or smtps://.")
    if not sender:
        raise OptionError("STEMWRIGHT_MAIL_URL needs STEMWRIGHT_MAIL_FROM, the sender's address.")
    return SmtpMail(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        sender=clean_email(sender),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        implicit_tls=parts.scheme == "smtps",
        ca_file=ca_file,
    )
