"""Licence keys of lalal.ai: whose is used, and how a task finds again the one that began it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from stemwright.db.database import Database
from stemwright.errors import LalalaiNotConfigured, LalalaiRejected, OptionError, SealBroken
from stemwright.kit.clock import utc_now
from stemwright.kit.sealing import Sealer

from . import repository

Origin = Literal["own", "system", "global"]

_FORM: Final = re.compile(r"[\x21-\x7e]{1,256}")
_TAG: Final = b"lalal.ai licence key\0"


@dataclass(frozen=True, slots=True)
class LicenceKey:
    """A key that can be sent; it shows itself nowhere."""

    origin: Origin
    value: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _FORM.fullmatch(self.value):
            # as a header it would fail in a library that quotes it
            raise LalalaiRejected(
                f"The licence key of lalal.ai ({self.origin}) holds characters that no key has. "
                "Enter it again."
            )

    @property
    def fingerprint(self) -> str:
        """What a task remembers its key by; tells nothing of the key."""
        return hashlib.sha256(_TAG + self.value.encode()).hexdigest()[:32]


@dataclass(slots=True)
class LicenceKeys:
    """Every user's own key, sealed; and those of the server, which serve whoever has none."""

    database: Database
    sealer: Sealer
    system: str = field(default="", repr=False)
    shared: str = field(default="", repr=False)
    clock: Callable[[], datetime] = utc_now

    def resolve(self, owner: str) -> LicenceKey:
        """The key that the owner's next task is begun with.

        Raises
        ------
        LalalaiNotConfigured, LalalaiRejected

        """
        for key in self._keys(owner):
            return key
        raise LalalaiNotConfigured

    def recall(self, owner: str, fingerprint: str) -> LicenceKey:
        """The key that a task of the owner was begun with; no other can reach the task.

        Raises
        ------
        LalalaiRejected
            It is not there any more.

        """
        for key in self._keys(owner):
            if key.fingerprint == fingerprint:
                return key
        raise LalalaiRejected(
            "The licence key of lalal.ai that began the task has been removed or replaced since; "
            "begin anew."
        )

    def has_own(self, owner: str) -> bool:
        """Whether the owner has entered a key."""
        with self.database.reading() as session:
            return repository.find_key(session, owner) is not None

    def enter(self, owner: str, value: str) -> None:
        """Keep the owner's own key; it replaces the one before.

        Raises
        ------
        OptionError

        """
        value = value.strip()
        if not _FORM.fullmatch(value):
            raise OptionError("That is no licence key of lalal.ai: enter it as its account shows.")
        sealed = self.sealer.seal(value, _purpose(owner))
        with self.database.transaction() as session:
            repository.put_key(session, owner, sealed, self.clock())

    def remove(self, owner: str) -> None:
        """Forget the owner's own key; tasks it began can no longer be reached."""
        with self.database.transaction() as session:
            repository.delete_key(session, owner)

    def _keys(self, owner: str) -> list[LicenceKey]:
        own = self._own(owner)
        found: list[tuple[Origin, str]] = [
            ("own", own),
            ("system", self.system.strip()),
            ("global", self.shared.strip()),
        ]
        return [LicenceKey(origin, value) for origin, value in found if value]

    def _own(self, owner: str) -> str:
        with self.database.reading() as session:
            row = repository.find_key(session, owner)
        if row is None:
            return ""
        try:
            return self.sealer.open(row.sealed, _purpose(owner))
        except SealBroken as error:
            # not one of the server's instead: whose minutes are spent is the user's choice
            raise LalalaiRejected(
                "Your licence key of lalal.ai cannot be read any more; enter it again."
            ) from error


def _purpose(owner: str) -> str:
    return f"lalalai key:{owner}"
