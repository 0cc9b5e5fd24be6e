"""Webhooks: who is told of what, and what came of it. The telling itself is in ``tasks``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from stemwright.db.database import Database
from stemwright.errors import (
    DeliveryNotFound,
    FetchError,
    InvalidWebhookUrl,
    TooManyWebhooks,
    UnknownWebhookEvent,
    WebhookNotFound,
)
from stemwright.jobs.job import Job
from stemwright.jobs.queue import TaskQueue
from stemwright.kit.clock import utc_now
from stemwright.kit.ids import is_id, is_uuid, new_id, new_uuid

from . import repository
from .ports import enqueue_turn
from .signing import WebhookSecrets, check_of
from .snapshot import keep
from .tables import DeliveryRow, WebhookRow
from .webhook import CALLBACK, EVENTS, Delivery, DeliveryStatus, Event, Webhook, event_of

_LONGEST_URL: Final = 2048
_LOST_AFTER: Final = timedelta(minutes=15)
_MOST_RESUMED: Final = 500

_Target = tuple[str, str | None, str]
"""Webhook's id or ``callback``, webhook's id or none, address."""


@dataclass(slots=True)
class Webhooks:
    """Webhooks of all accounts."""

    database: Database
    tasks: TaskQueue
    secrets: WebhookSecrets
    check_address: Callable[[str], None]
    """Raises a ``FetchError`` for an address that no request may be sent to."""
    most_per_account: int = 20
    kept: timedelta = timedelta(days=30)
    """How long a delivery can be looked up and repeated."""
    clock: Callable[[], datetime] = utc_now

    def register(self, owner: str, url: str, events: Sequence[str] | None = None) -> Webhook:
        """Make a webhook for some events, or for all; its secret is in this answer alone.

        Raises
        ------
        InvalidWebhookUrl
        UnknownWebhookEvent
        TooManyWebhooks

        """
        wanted = _known(events)
        self.check_url(url)
        webhook_id = new_id("whk")
        secret = self.secrets.new(webhook_id)
        row = WebhookRow(
            id=webhook_id,
            owner=owner,
            url=url,
            events=" ".join(wanted),
            secret_check=check_of(secret),
            is_active=True,
            fail_count=0,
            created_at=self.clock(),
        )
        with self.database.transaction() as session:
            self._require_room(session, owner)
            repository.add(session, row)
        return _webhook(row, secret)

    def check_url(self, url: str) -> None:
        """Refuse an address that nothing will be delivered to; for ``callbackUrl`` as well.

        Raises
        ------
        InvalidWebhookUrl

        """
        _check_form(url)
        try:
            self.check_address(url)
        except FetchError as error:
            # one answer for unknown and inner names: else this would map somebody's network
            raise InvalidWebhookUrl(
                f"Nothing can be sent to {host_of(url)}: the name must be known, on the open "
                "internet, and the port 80 or 443. STEMWRIGHT_ALLOW_PRIVATE_NETWORKS admits more."
            ) from error

    def list(self, owner: str) -> tuple[Webhook, ...]:
        """The owner's webhooks, oldest first."""
        with self.database.reading() as session:
            return tuple(_webhook(row) for row in repository.owned_by(session, owner))

    def delete(self, owner: str, webhook_id: str) -> None:
        """Forget a webhook and its deliveries; those not yet made are not made.

        Raises
        ------
        WebhookNotFound

        """
        with self.database.transaction() as session:
            if not (is_id(webhook_id) and repository.delete_webhook(session, owner, webhook_id)):
                raise WebhookNotFound(webhook_id)

    def callback_secret(self, owner: str) -> str:
        """What signs calls to the ``callbackUrl`` of the owner's jobs."""
        return self.secrets.new(callback_purpose(owner))

    def deliveries(self, owner: str, webhook_id: str, limit: int = 100) -> tuple[Delivery, ...]:
        """The newest deliveries to a webhook, or with ``CALLBACK`` to callback addresses.

        Raises
        ------
        WebhookNotFound

        """
        with self.database.reading() as session:
            if not (webhook_id == CALLBACK or self._is_known(session, owner, webhook_id)):
                raise WebhookNotFound(webhook_id)
            rows = repository.deliveries_to(session, owner, webhook_id, limit)
            return tuple(_delivery(row) for row in rows)

    def redeliver(self, owner: str, delivery_id: str) -> Delivery:
        """Begin a new series of attempts under the same id, with fresh links to the files.

        Whoever asks for it takes the receiver for mended, so its webhook is switched on again.

        Raises
        ------
        DeliveryNotFound

        """
        with self.database.transaction() as session:
            row = repository.find_delivery(session, delivery_id) if is_uuid(delivery_id) else None
            if row is None or row.owner != owner:
                raise DeliveryNotFound(delivery_id)
            self._switch_on(session, row.webhook_id)
            locked = repository.lock_delivery(session, delivery_id)
            if locked is None:
                raise DeliveryNotFound(delivery_id)
            self._begin_anew(session, locked)
            return _delivery(locked)

    # -------------------------------------------------------------------- in the end of a job

    def job_ended(self, session: Session, job: Job) -> None:
        """Write what is to be delivered and enqueue it, in the transaction that ends the job.

        Called again for the same end it adds nothing. A job that is retried ends once more, at
        another time, and is told of once more; the attempt would not do, since a job cancelled
        while it waits has not begun one.
        """
        event = event_of(job)
        if event is None:
            return
        ended_at = job.completed_at or self.clock()
        told = repository.told_of(session, job.id, ended_at)
        for target, webhook_id, url in self._targets(session, job, event):
            if target not in told:
                self._add_delivery(session, job, event, ended_at, (target, webhook_id, url))

    def _targets(self, session: Session, job: Job, event: Event) -> Sequence[_Target]:
        found: list[_Target] = [
            (row.id, row.id, row.url)
            for row in repository.active_of(session, job.owner)
            if event in row.events.split()
        ]
        if callback_url := job.request.get("callback_url"):
            found.append((CALLBACK, None, callback_url))
        return found

    def _add_delivery(
        self,
        session: Session,
        job: Job,
        event: Event,
        ended_at: datetime,
        to: _Target,
    ) -> None:
        target, webhook_id, url = to
        now = self.clock()
        row = DeliveryRow(
            id=new_uuid(),
            owner=job.owner,
            target=target,
            webhook_id=webhook_id,
            job_id=job.id,
            ended_at=ended_at,
            event=event,
            url=url,
            job=keep(job),
            status="pending",
            turn=0,
            attempts=0,
            due_at=now,
            series_began_at=now,
            created_at=now,
        )
        repository.add(session, row)
        enqueue_turn(self.tasks, session, row.id, row.turn)

    # ----------------------------------------------------------------------------------- upkeep

    def resume_lost(self) -> int:
        """Enqueue deliveries whose task was lost, as when the database failed it; how many."""
        now = self.clock()
        with self.database.transaction() as session:
            lost = repository.overdue(session, now - _LOST_AFTER, _MOST_RESUMED)
            for row in lost:
                row.turn += 1
                row.due_at = now
                enqueue_turn(self.tasks, session, row.id, row.turn)
            return len(lost)

    def sweep(self) -> int:
        """Forget old deliveries; how many."""
        with self.database.transaction() as session:
            return repository.forget_deliveries(session, self.clock() - self.kept)

    # ----------------------------------------------------------------------------------- within

    def _is_known(self, session: Session, owner: str, webhook_id: str) -> bool:
        found = is_id(webhook_id) and repository.find_webhook(session, owner, webhook_id)
        return bool(found)

    def _require_room(self, session: Session, owner: str) -> None:
        if repository.count_of(session, owner) >= self.most_per_account:
            raise TooManyWebhooks(
                f"An account has at most {self.most_per_account} webhooks; delete one first."
            )

    def _switch_on(self, session: Session, webhook_id: str | None) -> None:
        webhook = webhook_id and repository.lock_webhook(session, webhook_id)
        if webhook and not webhook.is_active:
            webhook.is_active, webhook.fail_count = True, 0

    def _begin_anew(self, session: Session, row: DeliveryRow) -> None:
        now = self.clock()
        row.status, row.attempts, row.body = "pending", 0, None
        row.turn += 1  # an attempt still planned for the old series finds that it is not its turn
        row.due_at = row.series_began_at = now
        enqueue_turn(self.tasks, session, row.id, row.turn)


def callback_purpose(owner: str) -> str:
    """Name what the account's secret for callbacks is derived for."""
    return f"{CALLBACK}:{owner}"


def host_of(url: str) -> str:
    """Host and port, in lower case and without user names; of what is no address, nothing."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def _known(events: Sequence[str] | None) -> tuple[Event, ...]:
    if events is None:
        return EVENTS
    unknown = sorted(set(events) - set(EVENTS))
    if unknown or not events:
        said = f"There is no event {unknown[0]!r}" if unknown else "No event is named"
        raise UnknownWebhookEvent(f"{said}; there are {' and '.join(EVENTS)}.")
    return tuple(event for event in EVENTS if event in events)


def _check_form(url: str) -> None:
    if len(url) > _LONGEST_URL:
        raise InvalidWebhookUrl(f"The webhook's address is longer than {_LONGEST_URL} characters.")
    try:
        parts = urlsplit(url)
        sound = url.isprintable() and parts.scheme in {"http", "https"} and parts.hostname
    except ValueError:
        sound = False
    if not sound:
        raise InvalidWebhookUrl("The webhook's address must be an http or https URL.")


def _webhook(row: WebhookRow, secret: str | None = None) -> Webhook:
    return Webhook(
        id=row.id,
        owner=row.owner,
        url=row.url,
        events=cast("tuple[Event, ...]", tuple(row.events.split())),
        is_active=row.is_active,
        fail_count=row.fail_count,
        last_error=row.last_error,
        last_called_at=row.last_called_at,
        created_at=row.created_at,
        secret=secret,
    )


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(
        id=row.id,
        webhook_id=row.target,
        job_id=row.job_id,
        event=cast("Event", row.event),
        url=row.url,
        status=cast("DeliveryStatus", row.status),
        attempts=row.attempts,
        status_code=row.status_code,
        duration_ms=row.duration_ms,
        last_error=row.last_error,
        response_excerpt=row.response_excerpt,
        last_attempt_at=row.last_attempt_at,
        due_at=row.due_at,
        created_at=row.created_at,
    )
