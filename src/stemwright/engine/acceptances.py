"""Who accepted which licence of weights, and how: asked once, and remembered beside the models."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from .installed import RECORD, read_record
from .model import Licence
from .remembered import Remembered

ACCEPTANCES: Final = "licences.json"

How = Literal["asked", "option", "studio", "unattended", "earlier"]
"""At a terminal, by an option, in the browser; or the terms were shown where nobody could be asked,
and going on was accepting them: now, or before there was this list."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """That somebody took the terms of a licence upon himself."""

    by: str
    how: How
    at: str
    terms_sha256: str
    """Of the terms as they were shown: other terms are to be accepted anew."""

    @property
    def is_said(self) -> bool:
        """Whether somebody said so, who then is not asked again."""
        return self.how in {"asked", "option", "studio"}


class Acceptances:
    """The licences that were accepted for one folder of models."""

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._kept = Remembered(folder / ACCEPTANCES)
        self._now = now

    def of(self, licence: Licence) -> Acceptance | None:
        """Who accepted these terms; None where nobody has."""
        found = _parsed(self._kept.read().get(licence.name))
        if found is not None and found.terms_sha256 == _digest(licence):
            return found
        return None if found is not None else self._earlier(licence)

    def accept(self, licence: Licence, *, by: str, how: How) -> Acceptance:
        """Remember that terms are accepted; who said so first stays."""
        known = self.of(licence)
        at = self._now().isoformat(timespec="seconds")
        made = Acceptance(by, how, at, _digest(licence))
        if known is not None and (known.is_said or not made.is_said):
            made = known

        def add(kept: dict[str, Any]) -> None:
            kept[licence.name] = asdict(made)

        self._kept.change(add)
        return made

    def _earlier(self, licence: Licence) -> Acceptance | None:
        """Models of this licence that are installed tell of when there was no list yet."""
        for path in sorted(self._folder.glob(f"*/{RECORD}")):
            record = read_record(path.parent)
            if record and record.licence == licence.name and record.licence_accepted:
                return Acceptance("", "earlier", record.installed_at, _digest(licence))
        return None


def _digest(licence: Licence) -> str:
    said = f"{licence.terms}\n{licence.url}\n{licence.commercial_use}"
    return hashlib.sha256(said.encode()).hexdigest()


def _parsed(kept: object) -> Acceptance | None:
    try:
        return Acceptance(**kept) if isinstance(kept, dict) else None
    except TypeError:
        return None
