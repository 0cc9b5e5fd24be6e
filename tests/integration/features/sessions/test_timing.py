"""What is unknown costs what is wrong costs, so that nobody tells them apart by a clock."""

import time

import pytest
from argon2 import PasswordHasher

from stemwright.errors import LoginRefused
from stemwright.features.accounts.passwords import Passwords
from stemwright.features.accounts.service import Accounts
from stemwright.features.sessions.registration import Registration
from stemwright.features.sessions.service import Sessions
from support.browsers import PASSWORD


class Counting(PasswordHasher):
    """Counts what takes time."""

    def __init__(self):
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.count = 0

    def hash(self, password, *, salt=None):
        self.count += 1
        return super().hash(password, salt=salt)

    def verify(self, hash, password):  # noqa: A002 - as the library has it
        self.count += 1
        return super().verify(hash, password)


@pytest.fixture
def hasher():
    return Counting()


@pytest.fixture
def counted(database, clock, hasher):
    accounts = Accounts(database, clock=clock, passwords=Passwords(hasher))
    accounts.create_user("ada@example.org", password=PASSWORD, verified=True)
    accounts.create_user("link@example.org", verified=True)
    yield accounts
    accounts.close()


@pytest.mark.parametrize("email", ["ada@example.org", "link@example.org", "nobody@x", "\x00", ""])
def test_every_refused_log_in_costs_one_hash(database, clock, hasher, counted, email):
    hasher.count = 0
    with pytest.raises(LoginRefused):
        Sessions(database, counted, clock=clock).check_password(email, "a wrong password")
    assert hasher.count == 1


def test_asking_for_a_link_waits_for_nothing(links, post, ada):
    def slow(to, subject, text):
        time.sleep(0.5)

    post.send = slow
    for email in (ada.email, "nobody@example.org"):
        started = time.perf_counter()
        links.request_log_in(email)
        assert time.perf_counter() - started < 0.2


def test_with_mail_registering_hashes_nothing_while_the_browser_waits(
    counted, links, hasher, monkeypatch
):
    registration = Registration(counted, links)
    for email in ("ada@example.org", "new@example.org"):
        put_off = []
        monkeypatch.setattr(links.background, "run", put_off.append)
        hasher.count = 0
        registration.register(email, PASSWORD)
        assert hasher.count == 0
        assert len(put_off) == 2
