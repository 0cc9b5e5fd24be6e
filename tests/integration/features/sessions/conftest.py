import pytest
from argon2 import PasswordHasher

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.features.accounts.passwords import Passwords
from stemwright.features.accounts.service import Accounts
from stemwright.features.sessions.links import Links
from stemwright.features.sessions.service import Sessions, forget_sessions
from support.browsers import PASSWORD, SITE, Clock, Post


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
    quick = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    accounts = Accounts(database, clock=clock, passwords=quick, on_password=[forget_sessions])
    yield accounts
    accounts.close()


@pytest.fixture
def ended():
    return []


@pytest.fixture
def sessions(database, accounts, clock, ended):
    return Sessions(database, accounts, clock=clock, on_ended=[ended.extend])


@pytest.fixture
def post():
    return Post(delivers=True)


@pytest.fixture
def links(database, accounts, post, clock):
    links = Links(database, accounts, post, SITE, clock)
    yield links
    links.close()


@pytest.fixture
def ada(accounts):
    return accounts.create_user("ada@example.org", password=PASSWORD, verified=True)
