"""Two at the same time, in threads with connections of their own, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.errors import CreditsOutOfOrder, InsufficientCredits
from stemwright.features.credits.service import Credits

RACERS = 8


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    Table.metadata.create_all(database.engine)
    yield database
    database.close()


def race(database, act):
    """Start ``act(session, number)`` in every thread at once; give what came of each."""
    barrier = Barrier(RACERS)

    def run(number):
        barrier.wait()
        try:
            with database.transaction() as session:
                act(session, number)
        except (InsufficientCredits, CreditsOutOfOrder) as error:
            return type(error)
        return "done"

    with ThreadPoolExecutor(RACERS) as threads:
        return list(threads.map(run, range(RACERS)))


def balance(database, ledger):
    with database.reading() as session:
        return ledger.balance(session, "ada").seconds


def test_the_last_credits_are_held_once(database):
    ledger = Credits(metered=True, grant_s=100)
    with database.transaction() as session:
        ledger.open_account(session, "ada")
    ends = race(database, lambda session, n: ledger.hold(session, "ada", f"job_{n}", 60))
    assert (ends.count("done"), ends.count(InsufficientCredits)) == (1, RACERS - 1)
    assert balance(database, ledger) == 40


def test_an_account_is_opened_with_one_grant(database):
    ledger = Credits(metered=True, grant_s=100)
    ends = race(database, lambda session, n: ledger.hold(session, "ada", f"job_{n}", 10))
    assert (ends, balance(database, ledger)) == (["done"] * RACERS, 100 - 10 * RACERS)


def test_one_job_is_held_and_settled_once(database):
    ledger = Credits(metered=True, grant_s=100)
    race(database, lambda session, _: ledger.hold(session, "ada", "job_1", 60))
    ends = race(database, lambda session, _: ledger.settle(session, "ada", "job_1", 50))
    assert (ends, balance(database, ledger)) == (["done"] * RACERS, 50)


def test_a_job_that_fails_and_completes_at_once_does_one_of_both(database):
    ledger = Credits(metered=True, grant_s=100)
    with database.transaction() as session:
        ledger.hold(session, "ada", "job_1", 60)

    def end(session, number):
        if number % 2:
            ledger.settle(session, "ada", "job_1", 60)
        else:
            ledger.refund(session, "ada", "job_1")

    assert set(race(database, end)) == {"done", CreditsOutOfOrder}
    assert balance(database, ledger) in {40, 100}
