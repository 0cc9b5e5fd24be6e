"""Credits: one for each second of audio, held when a job is made and paid when it is done.

A job's credits are **held** with its creation, then either **settled** (what it cost is kept, the
rest given back) or **refunded**. A retry holds again. Every movement happens in the caller's
transaction, together with the change of the job it belongs to; asked twice for the same, the
ledger does it once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, cast

from sqlalchemy.orm import Session

from stemwright.errors import CreditsOutOfOrder, InsufficientCredits
from stemwright.kit.clock import utc_now

from . import repository
from .ledger import Balance, Entry, JobAccount, Kind
from .tables import EntryRow

UNMETERED_S: Final = 360_000_000
"""100,000 hours: what everybody has where nothing is charged."""


class Credits:
    """The ledger.

    Unmetered, everybody has the same balance and nothing is held. What an earlier, metered time
    held is still settled or refunded.
    """

    def __init__(
        self,
        *,
        metered: bool,
        grant_s: int = 0,
        fixed_s: int = UNMETERED_S,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """``grant_s`` is what an account starts with."""
        self._metered = metered
        self._grant_s = grant_s
        self._clock = clock
        self._fixed = Balance(fixed_s, clock())

    @property
    def metered(self) -> bool:
        """Whether jobs cost anything."""
        return self._metered

    def balance(self, session: Session, owner: str) -> Balance:
        """What an account can spend; one that never moved a credit has its grant."""
        if not self._metered:
            return self._fixed
        row = repository.balance(session, owner)
        if row is None:
            return Balance(self._grant_s, self._fixed.updated_at)
        return Balance(row.seconds, row.updated_at)

    def history(self, session: Session, owner: str, limit: int = 100) -> list[Entry]:
        """Movements of an account, the newest first."""
        return [_entry(row) for row in repository.entries(session, owner, limit)]

    def open_account(self, session: Session, owner: str) -> None:
        """Start a new account's ledger with the grant.

        Accounts from before credits were metered are started by their first movement.
        """
        if self._metered:
            self._open(session, owner)

    def grant(self, session: Session, owner: str, seconds: int, note: str = "") -> Balance:
        """Give credits; a positive number."""
        assert seconds > 0
        self._open(session, owner)
        self._move(session, "grant", owner, seconds, note=note)
        return self.balance(session, owner)

    def adjust(self, session: Session, owner: str, seconds: int, note: str = "") -> Balance:
        """Put right by hand; a negative number takes away, but no more than there is."""
        self._open(session, owner)
        self._move(session, "adjustment", owner, seconds, note=note)
        return self.balance(session, owner)

    def hold(self, session: Session, owner: str, job_id: str, seconds: int) -> None:
        """Set aside what a job will cost.

        Raises
        ------
        InsufficientCredits
            The balance is smaller; nothing has changed.
        CreditsOutOfOrder
            The job was paid, or holds another number of credits.

        """
        assert seconds >= 0
        if not self._metered:
            return
        self._open(session, owner)
        job = repository.job_account(session, job_id)
        if job.state == "held" and job.held == seconds:
            return
        if job.state != "free":
            raise CreditsOutOfOrder(f"The credits of job {job_id} are {job.state} already.")
        self._move_job(session, "hold", owner, job_id, -seconds, number=job.hold_number + 1)

    def settle(self, session: Session, owner: str, job_id: str, seconds: int) -> int:
        """Charge what a job cost in the end and give back the rest; says what was charged.

        Costs above the hold are charged as far as the balance goes: the work is done. Nothing is
        charged where nothing was held.
        """
        assert seconds >= 0
        job = self._locked(session, owner, job_id)
        if job.state == "settled":
            return job.charged
        if job.hold_number == 0:
            return 0
        if job.state != "held":
            raise CreditsOutOfOrder(f"The credits of job {job_id} were refunded already.")
        charged = min(seconds, job.held + self._spendable(session, owner))
        released = job.held - charged
        self._move_job(session, "settle", owner, job_id, released, number=job.hold_number)
        return charged

    def refund(self, session: Session, owner: str, job_id: str) -> None:
        """Give back all that a failed or cancelled job holds."""
        job = self._locked(session, owner, job_id)
        if job.state == "settled":
            raise CreditsOutOfOrder(f"Job {job_id} is paid; give credits back with a grant.")
        if job.state == "held":
            self._move_job(session, "refund", owner, job_id, job.held, number=job.hold_number)

    # --------------------------------------------------------------------------------- private

    def _open(self, session: Session, owner: str) -> None:
        """Start a ledger unless there is one; either way it is this transaction's from now on."""
        if not repository.open_balance(session, owner, self._clock()):
            repository.lock(session, owner)
        elif self._grant_s:
            self._move(session, "grant", owner, self._grant_s, note="new account")

    def _locked(self, session: Session, owner: str, job_id: str) -> JobAccount:
        """How a job stands, which nobody else can change until the transaction ends."""
        repository.lock(session, owner)
        return repository.job_account(session, job_id)

    def _spendable(self, session: Session, owner: str) -> int:
        row = repository.balance(session, owner)
        return 0 if row is None else row.seconds

    def _move_job(
        self, session: Session, kind: Kind, owner: str, job_id: str, seconds: int, *, number: int
    ) -> None:
        now = self._clock()
        left = self._moved(session, owner, seconds, now)
        row = repository.entry(kind, owner, seconds, left, now)
        row.job_id, row.hold_number, row.ends_hold = job_id, number, kind != "hold"
        repository.append(session, row)

    def _move(self, session: Session, kind: Kind, owner: str, seconds: int, *, note: str) -> None:
        now = self._clock()
        left = self._moved(session, owner, seconds, now)
        repository.append(session, repository.entry(kind, owner, seconds, left, now, note[:255]))

    def _moved(self, session: Session, owner: str, seconds: int, now: datetime) -> int:
        left = repository.move(session, owner, seconds, now)
        if left is None:
            raise InsufficientCredits(
                f"This takes {-seconds} credits; the account has "
                f"{self._spendable(session, owner)}.",
                required_seconds=-seconds,
            )
        return left


def _entry(row: EntryRow) -> Entry:
    return Entry(
        kind=cast("Kind", row.kind),
        seconds=row.seconds,
        balance_s=row.balance_s,
        job_id=row.job_id,
        note=row.note,
        created_at=row.created_at,
    )
