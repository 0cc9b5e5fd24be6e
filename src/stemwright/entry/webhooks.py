"""``stemwright webhooks``: who is told of ended jobs, and what came of the telling."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .columns import print_columns, stamp
from .opened import account_or_local, opened_service

if TYPE_CHECKING:
    from stemwright.features.webhooks.service import Webhooks
    from stemwright.features.webhooks.webhook import Delivery, Webhook

webhooks = typer.Typer(
    no_args_is_help=True, help="List webhooks and their deliveries, and repeat deliveries."
)

_User = Annotated[
    str | None,
    typer.Option(metavar="EMAIL", help="Account the webhooks belong to; default the local one."),
]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")]


@webhooks.command("list")
def list_webhooks(context: typer.Context, user: _User = None, as_json: _Json = False) -> None:
    """List an account's webhooks, those switched off too."""
    with _opened(context, user) as (known, owner):
        found = [webhook_document(webhook) for webhook in known.list(owner)]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    rows = [
        (
            it["id"],
            it["state"],
            it["last_called_at"] or "never",
            " ".join(it["events"]),
            it["url"],
            it["last_error"] or "",
        )
        for it in found
    ]
    print_columns(("ID", "STATE", "LAST CALLED", "EVENTS", "ADDRESS", "ERROR"), rows)


@webhooks.command("deliveries")
def deliveries(
    context: typer.Context,
    webhook_id: Annotated[
        str,
        typer.Argument(
            metavar="WEBHOOK_ID",
            help="As 'webhooks list' has it; 'callback' for the addresses that came with jobs.",
        ),
    ],
    user: _User = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many deliveries.")] = 20,
    as_json: _Json = False,
) -> None:
    """List what was and is to be delivered to a webhook, the newest first."""
    with _opened(context, user) as (known, owner):
        found = [delivery_document(it) for it in known.deliveries(owner, webhook_id, limit)]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    rows = [
        (
            it["id"],
            it["status"],
            str(it["attempts"]),
            it["event"],
            it["job_id"],
            it["last_attempt_at"] or "never",
            it["last_error"] or "",
        )
        for it in found
    ]
    print_columns(("ID", "STATUS", "ATTEMPTS", "EVENT", "JOB", "LAST ATTEMPT", "ERROR"), rows)


@webhooks.command("redeliver")
def redeliver(
    context: typer.Context,
    delivery_id: Annotated[
        str, typer.Argument(metavar="DELIVERY_ID", help="As 'webhooks deliveries' has it.")
    ],
    user: _User = None,
) -> None:
    """Deliver once more, with fresh links to the files; a webhook that was off is on again."""
    with _opened(context, user) as (known, owner):
        delivery = known.redeliver(owner, delivery_id)
    print(f"{delivery.id} is {delivery.status}")


@webhooks.command("callback-secret")
def callback_secret(context: typer.Context, user: _User = None) -> None:
    """Write the secret that signs calls to the callbackUrl of an account's jobs."""
    with _opened(context, user) as (known, owner):
        print(known.callback_secret(owner))


@contextmanager
def _opened(context: typer.Context, user: str | None) -> Iterator[tuple[Webhooks, str]]:
    """Open the webhooks and find an account's id."""
    with opened_service(context) as service:
        yield service.webhooks, account_or_local(service.accounts, user).id


def webhook_document(webhook: Webhook) -> dict[str, Any]:
    """What is known of a webhook; the secret is not."""
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "state": "active" if webhook.is_active else "off",
        "failures_in_a_row": webhook.fail_count,
        "last_error": webhook.last_error,
        "last_called_at": stamp(webhook.last_called_at),
        "created_at": stamp(webhook.created_at),
    }


def delivery_document(delivery: Delivery) -> dict[str, Any]:
    """Everything of a delivery but its body, which holds links that open files."""
    return {
        "id": delivery.id,
        "webhook_id": delivery.webhook_id,
        "job_id": delivery.job_id,
        "event": delivery.event,
        "url": delivery.url,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "status_code": delivery.status_code,
        "duration_ms": delivery.duration_ms,
        "last_error": delivery.last_error,
        "response_excerpt": delivery.response_excerpt,
        "last_attempt_at": stamp(delivery.last_attempt_at),
        "due_at": stamp(delivery.due_at),
        "created_at": stamp(delivery.created_at),
    }
