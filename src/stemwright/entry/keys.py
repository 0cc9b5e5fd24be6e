"""``stemwright keys``: API keys, made and taken back."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemwright.kit.clock import utc_now

from .columns import print_columns, span, stamp
from .opened import account_or_local, opened_accounts

if TYPE_CHECKING:
    from stemwright.features.accounts.account import ApiKey

keys = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")

_Json = Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")]
_User = Annotated[str | None, typer.Option(metavar="EMAIL", help="Account the keys belong to.")]


@keys.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.")],
    user: _User = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="SPAN", help="How long it is valid, as 12h, 90d or 8w; default ever."),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Make a key and write it to stdout, once. Without --user it is the local account's."""
    expires_at = None if expires is None else utc_now() + span(expires)
    with opened_accounts(context) as accounts:
        owner = account_or_local(accounts, user)
        key, secret = accounts.create_key(owner.id, name, expires_at)
    if as_json:
        print(json.dumps(key_document(key, owner.email) | {"key": secret}, indent=2))
        return
    print(secret)
    print(
        f"{key.id} of {owner.email}. It is shown only now. Send it as 'Authorization: Bearer KEY'.",
        file=sys.stderr,
    )


@keys.command("list")
def list_keys(context: typer.Context, user: _User = None, as_json: _Json = False) -> None:
    """List the keys, the revoked and expired too."""
    with opened_accounts(context) as accounts:
        owner = None if user is None else accounts.find_user(user).id
        emails = {known.id: known.email for known in accounts.list_users()}
        found = [key_document(key, emails[key.owner]) for key in accounts.list_keys(owner)]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    rows = [
        (
            it["id"],
            it["prefix"] + "…",
            it["state"],
            it["last_used_at"] or "never",
            it["user"],
            it["name"],
        )
        for it in found
    ]
    print_columns(("ID", "PREFIX", "STATE", "LAST USED", "USER", "NAME"), rows)


@keys.command("revoke")
def revoke(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="ID|PREFIX", help="As 'keys list' has it.")],
    as_json: _Json = False,
) -> None:
    """Take a key back: its next request is refused."""
    with opened_accounts(context) as accounts:
        revoked = accounts.revoke_key(key.removesuffix("…"))
        email = accounts.find_user(revoked.owner).email
    if as_json:
        print(json.dumps(key_document(revoked, email), indent=2))
    else:
        print(f"{revoked.id} is revoked")


def key_document(key: ApiKey, email: str) -> dict[str, Any]:
    """What is known of a key; the secret is not."""
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "user": email,
        "state": _state(key, utc_now()),
        "created_at": stamp(key.created_at),
        "expires_at": stamp(key.expires_at),
        "revoked_at": stamp(key.revoked_at),
        "last_used_at": stamp(key.last_used_at),
    }


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "valid"
