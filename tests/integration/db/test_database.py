"""Transactions and instants on both databases, and how SQLite is set up."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, StatementError

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.errors import OptionError
from stemwright.jobs.tables import ArtefactRow, ExecutorRow

NOON = datetime(2030, 6, 1, 12, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    Table.metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def sqlite(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'one.sqlite3'}")
    Table.metadata.create_all(database.engine)
    yield database
    database.close()


def add(database, name, at=NOON):
    with database.transaction() as session:
        session.add(ExecutorRow(id=name, seen_at=at))


def seen(database):
    with database.reading() as session:
        return {row.id: row.seen_at for row in session.scalars(select(ExecutorRow))}


def test_an_instant_comes_back_as_it_was_in_utc(database):
    add(database, "here", NOON.astimezone(timezone(timedelta(hours=5, minutes=30))))

    assert seen(database) == {"here": NOON}
    assert seen(database)["here"].tzinfo is UTC or seen(database)["here"].utcoffset() == timedelta()


def test_an_instant_without_a_time_zone_is_refused(database):
    with pytest.raises(StatementError, match="has no time zone"):
        add(database, "somewhere", NOON.replace(tzinfo=None))

    assert seen(database) == {}


def test_an_error_takes_everything_back(database):
    def half_done():
        with database.transaction() as session:
            session.add(ExecutorRow(id="one", seen_at=NOON))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_done()

    assert seen(database) == {}
    add(database, "two")
    assert set(seen(database)) == {"two"}


def test_what_a_reader_changes_is_forgotten(database):
    with database.reading() as session:
        session.add(ExecutorRow(id="one", seen_at=NOON))
        session.flush()

    assert seen(database) == {}


def test_a_refused_row_takes_its_transaction_along(database):
    add(database, "one")

    def twice():
        with database.transaction() as session:
            session.add(ExecutorRow(id="two", seen_at=NOON))
            session.flush()
            session.add(ExecutorRow(id="one", seen_at=NOON))

    with pytest.raises(IntegrityError):
        twice()

    assert set(seen(database)) == {"one"}


def test_a_file_of_no_job_is_refused(database):
    orphan = ArtefactRow(
        job_id="job_none", name="vocals", position=0, key="k", content_type="t", size_bytes=1
    )

    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(orphan)


def test_sqlite_writes_ahead_durably_and_checks_foreign_keys(sqlite):
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}

    with sqlite.reading() as one, sqlite.reading() as two:
        for session in (one, two):  # on every connection, not only on the first
            assert {name: session.scalar(text(f"PRAGMA {name}")) for name in wanted} == wanted


def test_on_sqlite_a_transaction_that_reads_and_then_writes_waits_for_another_one(sqlite):
    add(sqlite, "counter", NOON)
    together = threading.Barrier(4)

    def count_up():
        together.wait(30)
        for _ in range(10):
            with sqlite.transaction() as session:
                row = session.get_one(ExecutorRow, "counter")
                row.seen_at += timedelta(seconds=1)

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen(sqlite) == {"counter": NOON + timedelta(seconds=40)}


def test_on_sqlite_a_reader_does_not_wait_for_a_writer(sqlite):
    add(sqlite, "before")

    with sqlite.transaction() as session:
        session.add(ExecutorRow(id="during", seen_at=NOON))
        session.flush()
        assert set(seen(sqlite)) == {"before"}

    assert set(seen(sqlite)) == {"before", "during"}


@pytest.mark.parametrize("url", ["nonsense", "mysql://me@here/songs", ""])
def test_an_address_of_no_database_known_here_is_explained(url):
    with pytest.raises(OptionError, match="STEMWRIGHT_DATABASE_URL"):
        Database(url)
