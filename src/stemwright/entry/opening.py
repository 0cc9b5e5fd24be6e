"""Opening the database and the accounts of the service as the settings have them.

Imports are late: these modules cost what ``--help`` must not pay, and are missing where only the
command line is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stemwright.errors import DatabaseUnavailable, ServiceNotInstalled
from stemwright.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

    from stemwright.db.database import Database
    from stemwright.features.accounts.service import Accounts
    from stemwright.features.credits.service import Credits


@contextmanager
def service_packages() -> Iterator[None]:
    """Explain a missing package of the extra ``service`` to whoever imports it inside.

    Raises
    ------
    ServiceNotInstalled
        A package that is not ours cannot be found.

    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "stemwright").partition(".")[0]
        if package == "stemwright":
            raise
        raise ServiceNotInstalled(
            f"This needs the service, and {package} is not installed: "
            "pip install 'stemwright[service]'"
        ) from error


def open_database(settings: Settings) -> Database:
    """Open the database that the settings name, with its tables at their newest."""
    with service_packages():
        from sqlalchemy.exc import DatabaseError  # noqa: PLC0415

        from stemwright.db.database import Database  # noqa: PLC0415

        database = Database(settings.database_url or _own_database(settings))
    try:
        database.migrate()
    except DatabaseError as error:
        database.close()
        raise database_unavailable(database, error) from error
    return database


def accounts_in(database: Database, ledger: Credits) -> Accounts:
    """Compose the accounts of a database; whoever joins starts with the grant.

    A new password ends the sessions of the old one.
    """
    with service_packages():
        from stemwright.features.accounts.service import Accounts  # noqa: PLC0415
        from stemwright.features.sessions.service import forget_sessions  # noqa: PLC0415

    return Accounts(database, on_opened=[ledger.open_account], on_password=[forget_sessions])


def credits_by(settings: Settings) -> Credits:
    """Compose the ledger as the settings have it."""
    from stemwright.features.credits.service import Credits  # noqa: PLC0415

    return Credits(metered=settings.credits == "metered", grant_s=settings.credits_grant_s)


def _own_database(settings: Settings) -> str:
    """Prepare the database file in the data folder; nobody else on the machine may read it."""
    from stemwright.db.database import sqlite_url  # noqa: PLC0415

    path = settings.data_dir / "stemwright.sqlite3"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise DatabaseUnavailable(
            f"The database {path} cannot be opened: {error.strerror}. "
            "Choose another folder with STEMWRIGHT_DATA_DIR."
        ) from error
    return sqlite_url(path)


def database_unavailable(database: Database, error: DBAPIError) -> DatabaseUnavailable:
    """Say which database it is, without its password, and what its driver says."""
    reason = " ".join(str(error.orig).split())
    place = database.engine.url.render_as_string(hide_password=True)
    return DatabaseUnavailable(
        f"The database {place} cannot be used: {reason}. See STEMWRIGHT_DATABASE_URL."
    )
