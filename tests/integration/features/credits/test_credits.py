from datetime import UTC, datetime

import pytest

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.errors import CreditsOutOfOrder, InsufficientCredits
from stemwright.features.credits.service import Credits

NOON = datetime(2030, 2, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    Table.metadata.create_all(database.engine)
    yield database
    database.close()


def metered(grant_s=100):
    return Credits(metered=True, grant_s=grant_s, clock=lambda: NOON)


def balance(database, ledger, owner="ada"):
    with database.reading() as session:
        return ledger.balance(session, owner).seconds


def kinds(database, ledger, owner="ada"):
    with database.reading() as session:
        return [(entry.kind, entry.seconds) for entry in reversed(ledger.history(session, owner))]


def test_a_new_account_starts_with_the_grant(database):
    ledger = metered()
    with database.transaction() as session:
        ledger.open_account(session, "ada")
        ledger.open_account(session, "ada")
    assert kinds(database, ledger) == [("grant", 100)]


def test_an_account_older_than_metering_has_its_grant_before_and_after_its_first_job(database):
    ledger = metered()
    before = balance(database, ledger)
    with database.transaction() as session:
        ledger.hold(session, "ada", "job_1", 30)
    assert (before, balance(database, ledger)) == (100, 70)


def test_a_job_done_pays_what_it_held(database):
    ledger = metered()
    with database.transaction() as session:
        ledger.hold(session, "ada", "job_1", 30)
        charged = ledger.settle(session, "ada", "job_1", 30)
    assert (charged, balance(database, ledger)) == (30, 70)
    assert kinds(database, ledger) == [("grant", 100), ("hold", -30), ("settle", 0)]


def test_a_job_that_cost_less_gets_the_rest_back(database):
    ledger = metered()
    with database.transaction() as session:
        ledger.hold(session, "ada", "job_1", 90)
        charged = ledger.settle(session, "ada", "job_1", 15)
    assert (charged, balance(database, ledger)) == (15, 85)


def test_a_job_that_cost_more_pays_no_more_than_there_is(database):
    ledger = metered()
    with database.transaction() as session:
        ledger.hold(session, "ada", "job_1", 90)
        charged = ledger.settle(session, "ada", "job_1", 500)
    assert (charged, balance(database, ledger)) == (100, 0)


def test_a_failed_job_costs_nothing_and_may_hold_again(database):
    ledger = metered()
    with database.transaction() as session:
        ledger.hold(session, "ada", "job_1", 60)
        ledger.refund(session, "ada", "job_1")
        ledger.hold(session, "ada", "job_1", 60)
        charged = ledger.settle(session, "ada", "job_1", 60)
    assert (charged, balance(database, ledger)) == (60, 40)


def test_everything_asked_twice_is_done_once(database):
    ledger = metered()
    for _ in range(2):
        with database.transaction() as session:
            ledger.hold(session, "ada", "job_1", 60)
    for _ in range(2):
        with database.transaction() as session:
            charged = ledger.settle(session, "ada", "job_1", 50)
    assert (charged, len(kinds(database, ledger))) == (50, 3)


def test_the_first_settlement_counts(database):
    ledger = metered()
    with database.transaction() as session:
        ledger.hold(session, "ada", "job_1", 60)
        ledger.settle(session, "ada", "job_1", 50)
        assert ledger.settle(session, "ada", "job_1", 10) == 50


def test_too_few_credits_are_said_with_what_it_takes_and_leave_nothing_behind(database):
    ledger = metered()
    with pytest.raises(InsufficientCredits, match=r"takes 101 credits.*has 100") as refused:  # noqa: SIM117
        with database.transaction() as session:
            ledger.hold(session, "ada", "job_1", 101)
    assert (refused.value.required_seconds, kinds(database, ledger)) == (101, [])


def test_the_last_credit_can_be_spent(database):
    ledger = metered()
    with database.transaction() as session:
        ledger.hold(session, "ada", "job_1", 100)
    assert balance(database, ledger) == 0


def paid(ledger, session):
    ledger.hold(session, "ada", "job_1", 10)
    ledger.settle(session, "ada", "job_1", 10)


def given_back(ledger, session):
    ledger.hold(session, "ada", "job_1", 10)
    ledger.refund(session, "ada", "job_1")


@pytest.mark.parametrize(
    ("before", "then"),
    [
        (paid, lambda ledger, session: ledger.refund(session, "ada", "job_1")),
        (paid, lambda ledger, session: ledger.hold(session, "ada", "job_1", 10)),
        (given_back, lambda ledger, session: ledger.settle(session, "ada", "job_1", 10)),
    ],
    ids=["refund of a paid job", "hold of a paid job", "settling a refunded job"],
)
def test_out_of_order_nothing_moves(database, before, then):
    ledger = metered()
    with database.transaction() as session:
        before(ledger, session)
    entries = kinds(database, ledger)
    with pytest.raises(CreditsOutOfOrder), database.transaction() as session:
        then(ledger, session)
    assert kinds(database, ledger) == entries


def test_where_nothing_was_held_nothing_is_charged_or_given_back(database):
    ledger = metered()
    with database.transaction() as session:
        charged = ledger.settle(session, "ada", "job_1", 10)
        ledger.refund(session, "ada", "job_1")
    assert (charged, kinds(database, ledger)) == (0, [])


def test_unmetered_the_balance_never_moves_and_the_ledger_stays_empty(database):
    ledger = Credits(metered=False, grant_s=100)
    before = balance(database, ledger)
    with database.transaction() as session:
        ledger.open_account(session, "ada")
        ledger.hold(session, "ada", "job_1", 10**9)
        charged = ledger.settle(session, "ada", "job_1", 10**9)
    assert (charged, balance(database, ledger), kinds(database, ledger)) == (0, before, [])


def test_a_hold_of_metered_times_is_given_back_when_metering_is_off(database):
    with database.transaction() as session:
        metered().hold(session, "ada", "job_1", 60)
        Credits(metered=False).refund(session, "ada", "job_1")
    assert balance(database, metered()) == 100


def test_grants_and_adjustments_are_told_apart_and_carry_their_note(database):
    ledger = metered(grant_s=0)
    with database.transaction() as session:
        ledger.grant(session, "ada", 50, "a gift")
        ledger.adjust(session, "ada", -20, "a mistake")
        newest = ledger.history(session, "ada", limit=1)[0]
    assert kinds(database, ledger) == [("grant", 50), ("adjustment", -20)]
    assert (newest.note, newest.balance_s) == ("a mistake", 30)


def test_an_adjustment_cannot_take_what_is_not_there(database):
    ledger = metered()
    with pytest.raises(InsufficientCredits), database.transaction() as session:
        ledger.adjust(session, "ada", -101)
