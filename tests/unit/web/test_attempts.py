from datetime import UTC, datetime, timedelta

import pytest

from stemwright.errors import RateLimited
from stemwright.web.attempts import Attempts

START = datetime(2030, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def attempts(clock):
    return Attempts(clock=clock)


def scope(address="192.0.2.1"):
    return {"type": "http", "client": (address, 1), "headers": []}


def admitted(attempts, tries):
    """How many of these were let through."""
    count = 0
    for address, account in tries:
        try:
            attempts.admit(scope(address), account)
        except RateLimited:
            continue
        count += 1
    return count


def test_one_address_tries_one_account_five_times_a_minute(attempts):
    assert admitted(attempts, [("192.0.2.1", "ada@example.org")] * 9) == 5


def test_however_the_account_is_spelled(attempts):
    spellings = ["ada@example.org", " ADA@example.org ", "Ada@Example.Org"]
    assert admitted(attempts, [("192.0.2.1", name) for name in spellings * 3]) == 5


def test_one_address_tries_all_accounts_twenty_times_a_minute(attempts):
    assert admitted(attempts, [("192.0.2.1", f"user{n}@x") for n in range(30)]) == 20


def test_many_addresses_try_one_account_thirty_times_a_minute(attempts):
    assert admitted(attempts, [(f"192.0.2.{n}", "ada@x") for n in range(50)]) == 30


def test_addresses_of_one_subscriber_are_one(attempts):
    assert admitted(attempts, [(f"2001:db8::{n:x}", "ada@x") for n in range(9)]) == 5


def test_a_minute_later_all_is_forgotten(attempts, clock):
    admitted(attempts, [("192.0.2.1", "ada@x")] * 9)
    clock.now += timedelta(seconds=61)
    attempts.admit(scope(), "ada@x")


def test_what_cannot_be_encoded_is_counted_too(attempts):
    assert admitted(attempts, [("192.0.2.1", "\udcff")] * 9) == 5
