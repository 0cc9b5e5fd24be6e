"""How processes notice what others have committed.

PostgreSQL tells them: a transaction that changes what others watch says so by name, and the name
travels when that is committed. SQLite has nothing like it, but can say in some microseconds
whether its file was written to. Either is a hint; what is true stands in the rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from stemwright.kit import logs

Heard = Callable[[Collection[str] | None], None]
"""Told what changed; ``None`` where that may be anything."""

_CHANNEL: Final = "stemwright"
_NOTED: Final = "stemwright.announced"
_NOTIFY: Final = text("SELECT pg_notify(:channel, :names)")
_LISTEN: Final = "LISTEN stemwright"
_NAMES_A_MESSAGE: Final = 80
"""PostgreSQL takes 8,000 bytes; a name has less than 80."""
_LOOK_S: Final = 1.0
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0
# A host that vanished says nothing more; the kernel finds out within half a minute.
_KEEPALIVES: Final = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}

log = logs.get_logger(__name__)


def announce(session: Session, name: str) -> None:
    """Let other processes know, if this transaction is committed, that what is named changed."""
    session.info.setdefault(_NOTED, {})[name] = None


def send_announcements(session: Session) -> None:
    """Make the announcements a part of the transaction; just before its end."""
    names = list(session.info.pop(_NOTED, ()))
    if not names or session.get_bind().dialect.name != "postgresql":
        return
    for message in _messages(names):
        session.execute(_NOTIFY, {"channel": _CHANNEL, "names": message})


def _messages(names: list[str]) -> Iterator[str]:
    for first in range(0, len(names), _NAMES_A_MESSAGE):
        yield " ".join(names[first : first + _NAMES_A_MESSAGE])


class Listener:
    """Hears announcements on a connection of its own, and makes a new one when that is lost.

    Only PostgreSQL has announcements; elsewhere nothing is ever heard.
    """

    def __init__(self, engine: Engine, heard: Heard) -> None:
        self._engine = engine
        self._heard = heard
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="announcements", daemon=True)

    def start(self) -> None:
        """Begin to listen, in a thread."""
        if self._engine.dialect.name == "postgresql":
            self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._ended.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(_LISTEN)
                    pause = _FIRST_PAUSE_S
                    self._heard(None)  # whatever was said before
                    self._listen(connection)
            except psycopg.Error as error:
                log.warning("announcements not heard", error=type(error).__name__)
                self._ended.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _connect(self) -> psycopg.Connection[Any]:
        _, parameters = self._engine.dialect.create_connect_args(self._engine.url)
        return psycopg.connect(**{**_KEEPALIVES, **parameters}, autocommit=True)

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        while not self._ended.is_set():
            for notice in connection.notifies(timeout=_LOOK_S):
                self._heard(notice.payload.split())


class WriteCounter:
    """Whether anybody, in this process or another, has written to an SQLite database."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.raw_connection()
        self._seen = self._count()

    def moved(self) -> bool:
        """Whether there were commits since the last call."""
        before, self._seen = self._seen, self._count()
        return before != self._seen

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _count(self) -> int:
        cursor = self._connection.cursor()
        try:
            # counts what all other connections commit
            cursor.execute("PRAGMA data_version")
            row = cursor.fetchone()
            assert row is not None
            return int(row[0])
        finally:
            cursor.close()
