"""The connection to SQLite or PostgreSQL, and the only place that commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import Session, sessionmaker

from stemwright.errors import DatabaseUnavailable, OptionError

from .announcements import send_announcements

if TYPE_CHECKING:
    import psycopg

DATABASE_GONE: Final = (OperationalError, InterfaceError, NoConnectionFree)
"""What queries raise while the database is away, busy for too long, or full."""
_BUSY_MS: Final = 30_000
IDLE_IN_TRANSACTION_S: Final = 15
"""No transaction of ours waits for anything but the database; PostgreSQL ends one that seems to."""
_MIGRATING: Final = 7_373_726_901
"""Key of the PostgreSQL advisory lock under which one host at a time migrates."""


class Database:
    """Sessions on one database. Threads share it; processes open their own."""

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        self.engine = _open(url, pool_size)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether one file on this machine is all there is."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a session that is committed at the end, or rolled back by any exception.

        On SQLite it takes the write lock at once: two transactions that read and then write
        would otherwise fail each other.
        """
        with self._sessions() as session:
            session.connection(execution_options={"writes": True})
            yield session
            send_announcements(session)
            session.commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session for queries; what it changed is forgotten."""
        with self._sessions() as session:
            yield session

    def migrate(self) -> None:
        """Bring the tables to the newest revision; safe while other processes do the same.

        Raises
        ------
        DatabaseUnavailable
            They are newer than this program.

        """
        with self.engine.connect() as connection:
            if _is_newest(connection):
                return
        # a migration reads before it writes: on SQLite it has to be a writer from its beginning
        writing = self.engine.connect().execution_options(writes=True)
        with writing as connection, connection.begin():  # or Alembic commits each revision itself
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
            try:
                command.upgrade(_alembic(connection), "head")
            except CommandError as error:
                raise DatabaseUnavailable(
                    f"The database's tables are not of this version ({error}). Was a newer "
                    "stemwright here? Start that one, or restore the backup from before."
                ) from error

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


def sqlite_url(path: Path) -> str:
    """Address of a database file."""
    return f"sqlite:///{path}"


def _open(url: str, pool_size: int) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise OptionError(
            "STEMWRIGHT_DATABASE_URL is not an address; write "
            "postgresql://USER:PASSWORD@HOST/DATABASE or sqlite:////PATH"
        ) from error
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return _open_sqlite(parsed.render_as_string(hide_password=False), pool_size)
    if kind == "postgresql":
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
        )
        event.listen(engine, "connect", _prepare_postgresql)
        return engine
    raise OptionError(f"STEMWRIGHT_DATABASE_URL names {kind}; stemwright knows postgresql, sqlite.")


def _open_sqlite(url: str, pool_size: int) -> Engine:
    engine = create_engine(
        url, pool_size=pool_size, max_overflow=pool_size, connect_args={"timeout": _BUSY_MS / 1000}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_postgresql(connection: psycopg.Connection, _record: object) -> None:
    # a process that freezes in a transaction keeps its locks: nobody could take its job over
    connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_S}s'")
    connection.commit()


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver's guess
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {_BUSY_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_newest(connection: Connection) -> bool:
    newest = ScriptDirectory.from_config(_alembic(connection)).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == newest


def _alembic(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "stemwright.db:migrations")
    config.attributes["connection"] = connection
    return config
