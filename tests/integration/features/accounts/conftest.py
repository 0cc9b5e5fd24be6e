from datetime import UTC, datetime

import pytest
from argon2 import PasswordHasher

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.features.accounts.passwords import Passwords
from stemwright.features.accounts.service import Accounts


class Clock:
    """Stands still until a test moves it."""

    def __init__(self):
        self.now = datetime(2030, 2, 1, 9, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    Table.metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def accounts(database, clock):
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    accounts = Accounts(database, clock=clock, passwords=Passwords(quick))
    yield accounts
    accounts.close()


@pytest.fixture
def ada(accounts):
    return accounts.create_user("Ada@Example.org", verified=True)
