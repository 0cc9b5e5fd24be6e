"""Delivering: one attempt a task, the next one a task of its own, enqueued for later.

A task that waited between attempts would hold a place of the queue for an hour. A delivery keeps
the number of its turn, and a task that comes with an older one does nothing; so a task may run
twice, late, or after the webhook is gone. What a crash can cause is one attempt made twice: the
receiver knows it by ``X-Webhook-Delivery``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, cast

import structlog
from sqlalchemy.orm import Session

from stemwright.db.base import Json
from stemwright.db.database import Database
from stemwright.errors import AddressRefused, FetchError
from stemwright.jobs.queue import TaskQueue
from stemwright.kit.clock import utc_now
from stemwright.web.client import GuardedClient

from . import repository
from .lanes import Lanes
from .ports import Render, enqueue_turn
from .service import callback_purpose, host_of
from .signing import WebhookSecrets, signature
from .snapshot import restore
from .tables import DeliveryRow, WebhookRow
from .webhook import Event

USER_AGENT: Final = "stemwright-webhooks"
GAPS_S: Final = (30.0, 90.0, 480.0, 3000.0)
"""Between the beginnings of attempts: at 0 s, 30 s, 2 min, 10 min, 1 h."""
MOST_FAILURES: Final = 20
"""Attempts in a row; then the webhook is switched off."""
_GIVEN_UP_AFTER: Final = timedelta(hours=24)
_EXCERPT_BYTES: Final = 4096
_ERROR_CHARACTERS: Final = 200
_NOT_ALLOWED: Final = "The host is unknown or not on the open internet."
"""One text for both: which inner names exist is not to be found out here."""

log = structlog.get_logger("stemwright.webhooks")


@dataclass(frozen=True, slots=True)
class _Errand:
    """A delivery whose turn it is, as read before the attempt."""

    id: str
    turn: int
    owner: str
    target: str
    webhook_id: str | None
    url: str
    event: Event
    job: Json
    body: str | None
    secret: str | None = field(repr=False)
    refusal: str | None
    """Why no attempt is made."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How an attempt went; without an error it is delivered."""

    status_code: int | None = None
    error: str | None = None
    excerpt: str | None = None
    took_s: float = 0.0


@dataclass(slots=True)
class Courier:
    """Makes attempts, in the threads of a worker."""

    database: Database
    tasks: TaskQueue
    client: GuardedClient
    secrets: WebhookSecrets
    render: Render
    attempted: Callable[[str], None] = lambda _outcome: None
    """Told ``delivered``, ``retrying``, ``failed``, ``dropped`` or ``postponed``."""
    lanes: Lanes = field(default_factory=Lanes)
    budget_s: float = 10.0
    """For all of an attempt, from the name to the end of the answer."""
    clock: Callable[[], datetime] = utc_now

    def deliver(self, delivery_id: str, turn: int = 0) -> None:
        """Make the attempt of this turn, if it still is to be made."""
        errand = self._errand(delivery_id, turn)
        if errand is None:
            return
        if errand.refusal is not None:
            self._drop(errand, errand.refusal)
            return
        host = host_of(errand.url)
        if wait_s := self.lanes.enter(host, errand.owner):
            self._postpone(errand, wait_s)
            return
        began_at, outcome = self.clock(), _Outcome()
        try:
            outcome = self._attempt(errand)
        finally:
            answered = outcome.status_code is not None
            self.lanes.leave(host, errand.owner, took_s=outcome.took_s, answered=answered)
        self._record(errand, outcome, began_at)

    # ------------------------------------------------------------------------------- before

    def _errand(self, delivery_id: str, turn: int) -> _Errand | None:
        with self.database.reading() as session:
            row = repository.find_delivery(session, delivery_id)
            if row is None or row.turn != turn or row.status != "pending":
                return None
            webhook = row.webhook_id and repository.webhook_by_id(session, row.webhook_id)
            if row.webhook_id and not webhook:
                return None  # deleted between the two readings
            secret = self._secret(row, webhook or None)
            return _Errand(
                id=row.id,
                turn=turn,
                owner=row.owner,
                target=row.target,
                webhook_id=row.webhook_id,
                url=row.url,
                event=cast("Event", row.event),
                job=row.job,
                body=row.body,
                secret=secret,
                refusal=self._refusal(row, webhook or None, secret),
            )

    def _secret(self, row: DeliveryRow, webhook: WebhookRow | None) -> str | None:
        if webhook is None:
            return self.secrets.new(callback_purpose(row.owner))
        return self.secrets.find(webhook.id, webhook.secret_check)

    def _refusal(
        self, row: DeliveryRow, webhook: WebhookRow | None, secret: str | None
    ) -> str | None:
        if webhook is not None and not webhook.is_active:
            return f"The webhook was switched off after {MOST_FAILURES} failures in a row."
        if secret is None:
            return "The instance's secret has changed; delete the webhook and register it again."
        if self.clock() - row.series_began_at > _GIVEN_UP_AFTER:
            return "It could not be attempted for a day."
        return None

    # ------------------------------------------------------------------------------ attempt

    def _attempt(self, errand: _Errand) -> _Outcome:
        body = (errand.body or self._made_body(errand)).encode("ascii")
        headers = self._headers(errand, body)
        began_s = time.perf_counter()
        outcome = self._post(errand.url, headers, body)
        took_s = time.perf_counter() - began_s
        return _Outcome(outcome.status_code, outcome.error, outcome.excerpt, took_s)

    def _made_body(self, errand: _Errand) -> str:
        """Render the payload and keep it: what is signed is what is sent, also in retries.

        Rendered outside the transaction: on SQLite that would hold up every other writer.
        """
        job = restore(errand.job, self.clock())
        body = json.dumps(self.render(job, errand.event), separators=(",", ":"), allow_nan=False)
        with self.database.transaction() as session:
            repository.keep_body(session, errand.id, errand.turn, body)
            row = repository.find_delivery(session, errand.id)
            return (row and row.body) or body

    def _headers(self, errand: _Errand, body: bytes) -> dict[str, str]:
        assert errand.secret is not None
        return {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "X-Webhook-Signature": signature(errand.secret, body),
            "X-Webhook-Event": errand.event,
            "X-Webhook-Id": errand.target,
            "X-Webhook-Delivery": errand.id,
            "X-Webhook-Timestamp": str(int(self.clock().timestamp())),
        }

    def _post(self, url: str, headers: dict[str, str], body: bytes) -> _Outcome:
        began_s = time.perf_counter()
        try:
            self.client.check_name(url, self.budget_s / 2)
        except FetchError:
            return _Outcome(error=_NOT_ALLOWED)
        left_s = self.budget_s - (time.perf_counter() - began_s)
        try:
            answer = self.client.send(
                "POST",
                url,
                headers=headers,
                content=body,
                timeout=left_s,
                max_reply_bytes=_EXCERPT_BYTES,
            )
        except AddressRefused:
            return _Outcome(error=_NOT_ALLOWED)
        except FetchError as error:
            return _Outcome(error=_storable(error.message))
        excerpt = _storable(answer.body[:_EXCERPT_BYTES].decode("utf-8", "replace"))
        return _Outcome(answer.status, _complaint(answer.status, excerpt), excerpt)

    # ------------------------------------------------------------------------------- after

    def _record(self, errand: _Errand, outcome: _Outcome, began_at: datetime) -> None:
        with self.database.transaction() as session:
            webhook, row = self._locked(session, errand)
            if row is None:
                return
            row.attempts += 1
            row.last_attempt_at = began_at
            row.duration_ms = round(outcome.took_s * 1000)
            row.status_code, row.response_excerpt = outcome.status_code, outcome.excerpt
            row.last_error = outcome.error
            if webhook is not None:
                _note(webhook, outcome.error, began_at)
            if outcome.error is not None:
                self._plan_next(session, row, webhook, began_at)
            else:
                _end(row, "delivered")
            what = "retrying" if row.status == "pending" else row.status
        self._tell(what, errand, outcome)

    def _plan_next(
        self, session: Session, row: DeliveryRow, webhook: WebhookRow | None, began_at: datetime
    ) -> None:
        if row.attempts > len(GAPS_S) or (webhook is not None and not webhook.is_active):
            _end(row, "failed")
            return
        due_at = began_at + timedelta(seconds=GAPS_S[row.attempts - 1])
        self._enqueue(session, row, max((due_at - self.clock()).total_seconds(), 0.0))

    def _postpone(self, errand: _Errand, wait_s: float) -> None:
        with self.database.transaction() as session:
            row = self._locked(session, errand)[1]
            if row is not None:
                self._enqueue(session, row, wait_s)
        self.attempted("postponed")

    def _enqueue(self, session: Session, row: DeliveryRow, delay_s: float) -> None:
        row.turn += 1
        row.due_at = self.clock() + timedelta(seconds=delay_s)
        enqueue_turn(self.tasks, session, row.id, row.turn, delay_s)

    def _drop(self, errand: _Errand, reason: str) -> None:
        with self.database.transaction() as session:
            webhook, row = self._locked(session, errand)
            if row is None:
                return
            row.last_error = reason
            _end(row, "failed")
            if webhook is not None and webhook.is_active:
                webhook.last_error = reason
        self._tell("dropped", errand, _Outcome(error=reason))

    def _locked(
        self, session: Session, errand: _Errand
    ) -> tuple[WebhookRow | None, DeliveryRow | None]:
        """Lock both; no delivery if it is gone, done, or another turn has come meanwhile."""
        webhook = errand.webhook_id and repository.lock_webhook(session, errand.webhook_id)
        row = repository.lock_delivery(session, errand.id)
        if row is None or row.turn != errand.turn or row.status != "pending":
            return None, None
        return webhook or None, row

    def _tell(self, what: str, errand: _Errand, outcome: _Outcome) -> None:
        self.attempted(what)
        log.info(
            "webhook attempt",
            outcome=what,
            delivery_id=errand.id,
            webhook_id=errand.target,
            host=host_of(errand.url),  # the rest of an address is a secret with many receivers
            status_code=outcome.status_code,
            took_s=round(outcome.took_s, 3),
        )


def _note(webhook: WebhookRow, error: str | None, called_at: datetime) -> None:
    webhook.last_called_at = called_at
    webhook.last_error = error
    webhook.fail_count = 0 if error is None else webhook.fail_count + 1
    if webhook.fail_count >= MOST_FAILURES:
        webhook.is_active = False


def _end(row: DeliveryRow, status: str) -> None:
    row.status = status
    row.due_at = None
    row.body = None  # it holds links that open files


def _complaint(status: int, excerpt: str) -> str | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"HTTP {status}: redirects are not followed."
    first_line = next(iter(excerpt.strip().splitlines()), "")[:_ERROR_CHARACTERS]
    return f"HTTP {status}: {first_line}" if first_line else f"HTTP {status}"


def _storable(text: str) -> str:
    """Cut to the bytes allowed; PostgreSQL takes no NUL in a text."""
    kept = text.replace("\0", "").encode("utf-8", "replace")[:_EXCERPT_BYTES]
    return kept.decode("utf-8", "ignore")
