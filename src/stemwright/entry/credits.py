"""``stemwright credits``: what accounts can spend and how they came by it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemwright.errors import OptionError

from .columns import print_columns, stamp
from .opened import opened_database
from .opening import accounts_in, credits_by
from .reports import printable

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from stemwright.features.credits.ledger import Balance, Entry
    from stemwright.features.credits.service import Credits

    from .wiring import Wiring

ledger = typer.Typer(no_args_is_help=True, help="Show and grant credits.")

_MOST = 10**12

_Email = Annotated[str, typer.Argument(metavar="EMAIL", help="Address of the account, or its id.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")]


@ledger.command("grant", context_settings={"ignore_unknown_options": True})
def grant(
    context: typer.Context,
    email: _Email,
    seconds: Annotated[
        int,
        typer.Argument(
            min=-_MOST, max=_MOST, metavar="SECONDS", help="Below 0 takes credits back."
        ),
    ],
    note: Annotated[str, typer.Option(metavar="TEXT", help="What for.")] = "",
    as_json: _Json = False,
) -> None:
    """Give an account credits; one is a second of audio."""
    if seconds == 0:
        raise OptionError("Granting 0 credits changes nothing.")
    with _opened(context, email, writes=True) as (session, credit, owner):
        move = credit.grant if seconds > 0 else credit.adjust
        balance = move(session, owner, seconds, printable(note))
    _say(email, balance, metered=credit.metered, as_json=as_json)


@ledger.command("show")
def show(context: typer.Context, email: _Email, as_json: _Json = False) -> None:
    """Say what an account can spend."""
    with _opened(context, email) as (session, credit, owner):
        balance = credit.balance(session, owner)
    _say(email, balance, metered=credit.metered, as_json=as_json)


@ledger.command("history")
def history(
    context: typer.Context,
    email: _Email,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many movements.")] = 50,
    as_json: _Json = False,
) -> None:
    """List an account's movements, the newest first."""
    with _opened(context, email) as (session, credit, owner):
        found = [_document(entry) for entry in credit.history(session, owner, limit)]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    rows = [
        (
            it["at"],
            it["kind"],
            f"{it['seconds']:+}",
            str(it["balance_s"]),
            it["job_id"] or it["note"],
        )
        for it in found
    ]
    print_columns(("TIME", "KIND", "SECONDS", "BALANCE", "JOB OR NOTE"), rows)


@contextmanager
def _opened(
    context: typer.Context, email: str, *, writes: bool = False
) -> Iterator[tuple[Session, Credits, str]]:
    """Open a session, the ledger and an account's id."""
    wiring: Wiring = context.obj
    with opened_database(context) as database:
        credit = credits_by(wiring.settings())
        owner = accounts_in(database, credit).find_user(email).id
        with database.transaction() if writes else database.reading() as session:
            yield session, credit, owner


def _say(email: str, balance: Balance, *, metered: bool, as_json: bool) -> None:
    if as_json:
        document = {
            "user": email,
            "metered": metered,
            "balance_s": balance.seconds,
            "updated_at": stamp(balance.updated_at),
        }
        print(json.dumps(document, indent=2))
        return
    print(f"{printable(email)} has {balance.seconds} credits")
    if not metered:
        print("Credits are off: this is everybody's balance, and jobs are free.", file=sys.stderr)


def _document(entry: Entry) -> dict[str, Any]:
    return {
        "at": stamp(entry.created_at),
        "kind": entry.kind,
        "seconds": entry.seconds,
        "balance_s": entry.balance_s,
        "job_id": entry.job_id,
        "note": entry.note,
    }
