"""Whatever happens to jobs in whatever order, the ledger adds up."""

from __future__ import annotations

from contextlib import suppress
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.errors import CreditsOutOfOrder, InsufficientCredits
from stemwright.features.credits.service import Credits
from stemwright.features.credits.tables import BalanceRow, EntryRow

GRANT = 200
NUMBERS = count()


class PowerCut(Exception):
    """The process dies before it could commit."""


class Ledger(RuleBasedStateMachine):
    """Jobs of one account beside a model of them: what each holds or was charged.

    ``ways`` says how an operation goes: a transaction for each word, which acts ``once`` or
    ``twice`` and is committed, or is ``cut`` at its end.
    """

    grant_ways = st.sampled_from([("once",), ("cut",), ("cut", "once")])
    ways = grant_ways | st.sampled_from([("twice",), ("once", "once"), ("cut", "twice", "once")])
    costs = st.integers(0, 120)
    picks = st.integers(0, 1000)

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.credits = Credits(metered=True, grant_s=GRANT)
        self.owner = f"usr_{next(NUMBERS)}"
        self.spendable = GRANT
        self.states: dict[str, str] = {}
        self.held: dict[str, int] = {}
        self.charged: dict[str, int] = {}

    def go(self, way: tuple[str, ...], act) -> bool:
        """Run an operation; says whether it is in the database in the end."""
        for mode in way:
            with suppress(PowerCut), self.database.transaction() as session:
                act(session)
                if mode == "twice":
                    act(session)
                if mode == "cut":
                    raise PowerCut
        return way[-1] != "cut"

    def pick(self, number: int, *states: str) -> str | None:
        found = [job for job, state in self.states.items() if state in states]
        return found[number % len(found)] if found else None

    def hold(self, way, job: str, cost: int) -> None:
        try:
            done = self.go(way, lambda s: self.credits.hold(s, self.owner, job, cost))
        except InsufficientCredits:
            assert cost > self.spendable
            return
        assert cost <= self.spendable
        if done:
            self.states[job], self.held[job] = "held", cost
            self.spendable -= cost

    def settle(self, session, job: str, cost: int, charged: int) -> None:
        assert self.credits.settle(session, self.owner, job, cost) == charged

    @rule(way=ways, cost=costs)
    def create(self, way, cost):
        self.hold(way, f"job_{next(NUMBERS)}", cost)

    @rule(way=ways, number=picks, cost=costs)
    def retry(self, way, number, cost):
        if job := self.pick(number, "free"):
            self.hold(way, job, cost)

    @rule(way=ways, number=picks, cost=costs)
    def complete(self, way, number, cost):
        if job := self.pick(number, "held"):
            charged = min(cost, self.held[job] + self.spendable)
            if self.go(way, lambda s: self.settle(s, job, cost, charged)):
                self.states[job], self.charged[job] = "settled", charged
                self.spendable += self.held.pop(job) - charged

    @rule(way=ways, number=picks)
    def fail_or_cancel(self, way, number):
        job = self.pick(number, "held")
        if job and self.go(way, lambda s: self.credits.refund(s, self.owner, job)):
            self.states[job] = "free"
            self.spendable += self.held.pop(job)

    @rule(number=picks, cost=costs)
    def a_worker_thought_dead_completes_a_paid_job(self, number, cost):
        if job := self.pick(number, "settled"):
            with self.database.transaction() as session:
                self.settle(session, job, cost, self.charged[job])

    @rule(number=picks, cost=costs)
    def a_worker_thought_dead_completes_a_refunded_job(self, number, cost):
        if job := self.pick(number, "free"):
            with pytest.raises(CreditsOutOfOrder), self.database.transaction() as session:
                self.credits.settle(session, self.owner, job, cost)

    @rule(number=picks)
    def a_worker_thought_dead_fails_a_paid_job(self, number):
        if job := self.pick(number, "settled"):
            with pytest.raises(CreditsOutOfOrder), self.database.transaction() as session:
                self.credits.refund(session, self.owner, job)

    @rule(way=grant_ways, seconds=st.integers(1, 100))
    def grant(self, way, seconds):
        if self.go(way, lambda s: self.credits.grant(s, self.owner, seconds)):
            self.spendable += seconds

    @invariant()
    def it_adds_up(self):
        with self.database.reading() as session:
            mine = select(EntryRow.job_id, func.sum(EntryRow.seconds)).where(
                EntryRow.owner == self.owner
            )
            jobs = dict(session.execute(mine.group_by(EntryRow.job_id)).all())
            row = session.get(BalanceRow, self.owner)
            assert self.credits.balance(session, self.owner).seconds == self.spendable >= 0
        assert (row.seconds if row else 0) == sum(jobs.values())
        jobs.pop(None, None)
        paid = {job: -total for job, total in jobs.items()}
        assert paid == {job: self.held.get(job, self.charged.get(job, 0)) for job in self.states}


def test_the_ledger_adds_up_over_any_sequence_of_events(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    Table.metadata.create_all(database.engine)
    run_state_machine_as_test(
        lambda: Ledger(database),
        settings=settings(max_examples=100, stateful_step_count=25, deadline=None),
    )
    database.close()
