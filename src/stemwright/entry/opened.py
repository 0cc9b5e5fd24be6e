"""What commands that work beside the service have open meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from .opening import accounts_in, credits_by, database_unavailable, service_packages
from .wiring import Wiring

if TYPE_CHECKING:
    from stemwright.db.database import Database
    from stemwright.features.accounts.account import User
    from stemwright.features.accounts.service import Accounts

    from .composition import Service


@contextmanager
def opened_database(context: typer.Context) -> Iterator[Database]:
    """Open the database for as long as a command works."""
    wiring: Wiring = context.obj
    with service_packages():
        from sqlalchemy.exc import OperationalError  # noqa: PLC0415
    database = wiring.database(wiring.settings())
    try:
        yield database
    except OperationalError as error:
        raise database_unavailable(database, error) from error
    finally:
        database.close()


@contextmanager
def opened_accounts(context: typer.Context) -> Iterator[Accounts]:
    """Open the accounts for as long as a command works."""
    wiring: Wiring = context.obj
    with opened_database(context) as database:
        accounts = accounts_in(database, credits_by(wiring.settings()))
        try:
            yield accounts
        finally:
            accounts.close()


@contextmanager
def opened_service(context: typer.Context) -> Iterator[Service]:
    """Open the service with all that hangs on a change of it: queue, credits, webhooks."""
    wiring: Wiring = context.obj
    with service_packages():
        from sqlalchemy.exc import OperationalError  # noqa: PLC0415

        from .composition import compose  # noqa: PLC0415

        service = compose(wiring.settings())
    try:
        yield service
    except OperationalError as error:
        raise database_unavailable(service.database, error) from error
    finally:
        service.close()


def account_or_local(accounts: Accounts, email: str | None) -> User:
    """Find an account; unnamed it is the local one, opened when it is first needed."""
    return accounts.ensure_default_user() if email is None else accounts.find_user(email)
