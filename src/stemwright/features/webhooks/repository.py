"""All SQL about webhooks.

Where both are locked, a webhook is locked before its deliveries, as its deletion does too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import CursorResult, Delete, delete, func, select, update
from sqlalchemy.orm import Session

from .tables import DeliveryRow, WebhookRow

# FOR NO KEY UPDATE: a job that ends refers to a webhook meanwhile and is not held up
_FOR_CHANGE: Final = {"key_share": True}


def count_of(session: Session, owner: str) -> int:
    """Number of the owner's webhooks, active or not."""
    counted = select(func.count()).select_from(WebhookRow).where(WebhookRow.owner == owner)
    return session.scalar(counted) or 0


def owned_by(session: Session, owner: str) -> Sequence[WebhookRow]:
    """The owner's webhooks, oldest first."""
    found = select(WebhookRow).where(WebhookRow.owner == owner)
    return session.scalars(found.order_by(WebhookRow.created_at, WebhookRow.id)).all()


def find_webhook(session: Session, owner: str, webhook_id: str) -> WebhookRow | None:
    """The webhook, if it is the owner's."""
    row = session.get(WebhookRow, webhook_id)
    return row if row is not None and row.owner == owner else None


def webhook_by_id(session: Session, webhook_id: str) -> WebhookRow | None:
    """The webhook, whoever's it is."""
    return session.get(WebhookRow, webhook_id)


def active_of(session: Session, owner: str) -> Sequence[WebhookRow]:
    """The owner's active webhooks, none of which can be deleted before the transaction ends."""
    found = select(WebhookRow).where(WebhookRow.owner == owner, WebhookRow.is_active.is_(True))
    return session.scalars(
        found.order_by(WebhookRow.id).with_for_update(read=True, key_share=True)
    ).all()


def lock_webhook(session: Session, webhook_id: str) -> WebhookRow | None:
    """The webhook as it is now, for changing it."""
    return session.get(WebhookRow, webhook_id, with_for_update=_FOR_CHANGE, populate_existing=True)


def delete_webhook(session: Session, owner: str, webhook_id: str) -> bool:
    """Delete a webhook of the owner and, through the foreign key, its deliveries."""
    gone = delete(WebhookRow).where(WebhookRow.id == webhook_id, WebhookRow.owner == owner)
    return _changed(session, gone) > 0


def told_of(session: Session, job_id: str, ended_at: datetime) -> set[str]:
    """Targets that have a delivery for this end of the job."""
    found = select(DeliveryRow.target).where(
        DeliveryRow.job_id == job_id, DeliveryRow.ended_at == ended_at
    )
    return set(session.scalars(found))


def find_delivery(session: Session, delivery_id: str) -> DeliveryRow | None:
    """Look a delivery up by its id alone."""
    return session.get(DeliveryRow, delivery_id)


def lock_delivery(session: Session, delivery_id: str) -> DeliveryRow | None:
    """The delivery as it is now, for changing it."""
    return session.get(
        DeliveryRow, delivery_id, with_for_update=_FOR_CHANGE, populate_existing=True
    )


def deliveries_to(session: Session, owner: str, target: str, limit: int) -> Sequence[DeliveryRow]:
    """The newest deliveries to a webhook of the owner."""
    found = select(DeliveryRow).where(DeliveryRow.owner == owner, DeliveryRow.target == target)
    newest = found.order_by(DeliveryRow.created_at.desc(), DeliveryRow.id.desc())
    return session.scalars(newest.limit(limit)).all()


def keep_body(session: Session, delivery_id: str, turn: int, body: str) -> None:
    """Keep what the first attempt sends; a body that is there already stays."""
    session.execute(
        update(DeliveryRow)
        .where(DeliveryRow.id == delivery_id, DeliveryRow.turn == turn)
        .where(DeliveryRow.body.is_(None))
        .values(body=body)
    )


def overdue(session: Session, due_before: datetime, limit: int) -> Sequence[DeliveryRow]:
    """Deliveries whose attempt should have been made by then; locked."""
    found = select(DeliveryRow).where(
        DeliveryRow.status == "pending", DeliveryRow.due_at < due_before
    )
    ordered = found.order_by(DeliveryRow.due_at).limit(limit)
    return session.scalars(ordered.with_for_update(skip_locked=True)).all()


def forget_deliveries(session: Session, created_before: datetime) -> int:
    """Delete what was delivered, or given up, long ago."""
    return _changed(
        session,
        delete(DeliveryRow).where(
            DeliveryRow.created_at < created_before, DeliveryRow.status != "pending"
        ),
    )


def add(session: Session, row: WebhookRow | DeliveryRow) -> None:
    """Insert now, so that a broken constraint shows here."""
    session.add(row)
    session.flush()


def _changed(session: Session, statement: Delete) -> int:
    return cast("CursorResult[Any]", session.execute(statement)).rowcount
