"""``stemwright users``: the accounts."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemwright.errors import InvalidPassword

from .columns import print_columns, print_facts, stamp
from .opened import opened_accounts

if TYPE_CHECKING:
    from stemwright.features.accounts.account import User

users = typer.Typer(no_args_is_help=True, help="Open, list, suspend and verify accounts.")

_Email = Annotated[str, typer.Argument(metavar="EMAIL", help="Address of the account, or its id.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")]
_FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Take the password from the first line of stdin.")
]


@users.command("create")
def create(
    context: typer.Context,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Unique in any letter case.")],
    name: Annotated[
        str | None, typer.Option(help="Name to show; default what is before the @.")
    ] = None,
    password_stdin: _FromStdin = False,
    admin: Annotated[bool, typer.Option("--admin", help="Make it an administrator.")] = False,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Refuse its keys until its address is verified.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Open an account. Without a password it has API keys alone."""
    password = _line_of_stdin() if password_stdin else None
    with opened_accounts(context) as accounts:
        user = accounts.create_user(
            email, name=name, password=password, is_admin=admin, verified=not unverified
        )
    _say(user, "is opened", as_json=as_json)


@users.command("list")
def list_users(context: typer.Context, as_json: _Json = False) -> None:
    """List the accounts."""
    with opened_accounts(context) as accounts:
        found = [user_document(user) for user in accounts.list_users()]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    rows = [(it["id"], it["state"], it["role"], it["email"], it["name"]) for it in found]
    print_columns(("ID", "STATE", "ROLE", "EMAIL", "NAME"), rows)


@users.command("show")
def show(context: typer.Context, email: _Email, as_json: _Json = False) -> None:
    """Say everything known of an account."""
    with opened_accounts(context) as accounts:
        document = user_document(accounts.find_user(email))
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        print_facts((name.replace("_", " "), _text(value)) for name, value in document.items())


@users.command("suspend")
def suspend(context: typer.Context, email: _Email, as_json: _Json = False) -> None:
    """Refuse every request of an account; its jobs and files stay."""
    with opened_accounts(context) as accounts:
        user = accounts.suspend(email)
    _say(user, "is suspended", as_json=as_json)


@users.command("unsuspend")
def unsuspend(context: typer.Context, email: _Email, as_json: _Json = False) -> None:
    """Let a suspended account work again."""
    with opened_accounts(context) as accounts:
        user = accounts.unsuspend(email)
    _say(user, "may work again", as_json=as_json)


@users.command("verify")
def verify(context: typer.Context, email: _Email, as_json: _Json = False) -> None:
    """Take the address of an account for confirmed."""
    with opened_accounts(context) as accounts:
        user = accounts.verify_email(email)
    _say(user, "is verified", as_json=as_json)


@users.command("promote")
def promote(context: typer.Context, email: _Email, as_json: _Json = False) -> None:
    """Make an account an administrator, who may manage the server's models in the browser."""
    with opened_accounts(context) as accounts:
        user = accounts.set_admin(email, is_admin=True)
    _say(user, "is an administrator", as_json=as_json)


@users.command("demote")
def demote(context: typer.Context, email: _Email, as_json: _Json = False) -> None:
    """Make an administrator's account a plain one."""
    with opened_accounts(context) as accounts:
        user = accounts.set_admin(email, is_admin=False)
    _say(user, "is no administrator", as_json=as_json)


@users.command("password")
def password(
    context: typer.Context,
    email: _Email,
    password_stdin: _FromStdin = False,
    as_json: _Json = False,
) -> None:
    """Give an account a password, or another one; it is asked for unless it comes on stdin."""
    given = _line_of_stdin() if password_stdin else _asked()
    with opened_accounts(context) as accounts:
        user = accounts.set_password(email, given)
    _say(user, "has a new password", as_json=as_json)


def user_document(user: User) -> dict[str, Any]:
    """What is known of an account."""
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "role": "admin" if user.is_admin else "user",
        "state": _state(user),
        "has_password": user.has_password,
        "created_at": stamp(user.created_at),
        "verified_at": stamp(user.email_verified_at),
        "suspended_at": stamp(user.suspended_at),
    }


def _state(user: User) -> str:
    if user.suspended_at is not None:
        return "suspended"
    return "active" if user.email_verified_at is not None else "unverified"


def _say(user: User, what: str, *, as_json: bool) -> None:
    print(json.dumps(user_document(user), indent=2) if as_json else f"{user.email} {what}")


def _text(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "never"
        case _:
            return str(value)


def _line_of_stdin() -> str:
    line = sys.stdin.buffer.readline().rstrip(b"\r\n")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidPassword("The password on stdin is not UTF-8.") from error


def _asked() -> str:
    answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return answer
