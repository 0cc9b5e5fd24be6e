"""The instance's secret: given by the operator, or made on first start and kept."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stemwright.errors import OptionError
from stemwright.kit import logs

if TYPE_CHECKING:
    from stemwright.settings import Settings

log = logs.get_logger(__name__)

FILE: Final = "secret.key"
_SHORTEST: Final = 32


def instance_secret(settings: Settings) -> bytes:
    """Read the secret, or make one that only this user can read.

    Raises
    ------
    OptionError
        It is too short to be one, or cannot be kept.

    """
    if settings.secret_key:
        if len(settings.secret_key) < _SHORTEST:
            raise OptionError(f"STEMWRIGHT_SECRET_KEY needs {_SHORTEST} characters or more.")
        return settings.secret_key.encode()
    if settings.database_url:
        log.warning(
            "STEMWRIGHT_SECRET_KEY is not set: other hosts on this database will not accept "
            "the addresses this one signs"
        )
    path = settings.data_dir / FILE
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(path)
        secret = path.read_bytes().strip()
    except OSError as error:
        raise OptionError(
            f"The secret {path} cannot be kept: {error.strerror}. "
            "Choose another folder with STEMWRIGHT_DATA_DIR, or set STEMWRIGHT_SECRET_KEY."
        ) from error
    if len(secret) < _SHORTEST:
        raise OptionError(
            f"The secret {path} is damaged. Remove it: the next start makes another, and addresses "
            "and webhook signatures made with this one are void."
        )
    return secret


def _make(path: Path) -> None:
    """Two processes may start at once: the file appears whole, and the first one stays."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(part)
    part.unlink()
