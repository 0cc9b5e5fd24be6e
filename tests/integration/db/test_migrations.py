"""The migrations: what they make is what the code declares, whoever runs them and how often."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

import stemwright.features
import stemwright.jobs.tables
from stemwright.db.base import Table
from stemwright.db.database import Database, _alembic
from stemwright.errors import DatabaseUnavailable
from stemwright.jobs.engine import migrate_engine

START = """
import sys
from stemwright.db.database import Database
from stemwright.errors import DatabaseUnavailable
from stemwright.jobs.engine import migrate_engine
database = Database(sys.argv[1])
database.migrate()
migrate_engine(database)
"""


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    yield database
    database.close()


def declared():
    """Every table of the product: those of the jobs and of each feature that has any."""
    for feature in pkgutil.iter_modules(stemwright.features.__path__, "stemwright.features."):
        package = importlib.import_module(feature.name)
        if any(module.name == "tables" for module in pkgutil.iter_modules(package.__path__)):
            importlib.import_module(f"{feature.name}.tables")
    return Table.metadata


def tables(database):
    return set(inspect(database.engine).get_table_names())


def test_the_migrations_make_the_declared_tables(database):
    database.migrate()
    migrate_engine(database)

    def ours(name, kind, _parents):
        return kind != "table" or name in metadata.tables

    metadata = declared()
    options = {"compare_type": True, "include_name": ours}
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_the_migrations_can_be_taken_back_and_done_again(database):
    database.migrate()
    made = tables(database)

    with database.engine.begin() as connection:
        command.downgrade(_alembic(connection), "base")
    assert tables(database) == {"alembic_version"}
    database.migrate()

    assert tables(database) == made


def test_a_migration_without_anything_new_changes_nothing(database):
    database.migrate()
    with database.transaction() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO executors VALUES ('me', '2030-01-01 00:00:00+00')"
        )

    database.migrate()

    with database.reading() as session:
        [row] = session.scalars(session.query(stemwright.jobs.tables.ExecutorRow).statement)
        assert row.id == "me"


def test_processes_that_start_together_migrate_once(database):
    url = database.engine.url.set(drivername=database.engine.dialect.name)
    command = [sys.executable, "-c", START, url.render_as_string(hide_password=False)]
    together = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]

    assert [process.communicate(timeout=60)[1] for process in together] == [""] * 3
    assert "jobs" in tables(database)


def test_a_migration_that_breaks_off_leaves_nothing(database, monkeypatch):
    def break_off(*_args):
        with database.engine.connect() as reading:
            assert "jobs" not in set(inspect(reading).get_table_names())
        raise ZeroDivisionError

    upgrade = command.upgrade
    monkeypatch.setattr(command, "upgrade", lambda *args: (upgrade(*args), break_off()))
    with pytest.raises(ZeroDivisionError):
        database.migrate()
    monkeypatch.undo()

    assert tables(database) == set()
    database.migrate()
    assert "jobs" in tables(database)


def test_tables_of_a_newer_version_are_left_alone_and_explained(database):
    database.migrate()
    with database.transaction() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(DatabaseUnavailable, match="newer stemwright"):
        database.migrate()

    assert "jobs" in tables(database)
