"""Which stem a key of a manifest means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Final

_EDITED: Final = re.compile(r"_edited(_[0-9]+)?\Z")
_MAX_LISTED: Final = 12


class UnknownName(LookupError):
    """A key that means no stem, or several; the message says which there are."""


class StemNames:
    """The stems of one mix and what each may be called: its type, its id, its file.

    Names are compared without case. One that ends in ``_edited`` or ``_edited_<digits>``, as an
    edited stem's file does, also stands for the name before that ending, unless a stem has exactly
    the name asked for.
    """

    def __init__(self, stems: Mapping[str, Collection[str]]) -> None:
        self._exact: dict[str, set[str]] = {}
        self._plain: dict[str, set[str]] = {}
        self._listed = sorted(stems)[:_MAX_LISTED]
        for stem, others in stems.items():
            for name in {folded(stem), *map(folded, others)}:
                self._exact.setdefault(name, set()).add(stem)
                self._plain.setdefault(_EDITED.sub("", name), set()).add(stem)

    def find(self, key: str) -> str:
        """Return the stem that a key means.

        Raises
        ------
        UnknownName

        """
        name = folded(key)
        found = self._exact.get(name) or self._plain.get(_EDITED.sub("", name), set())
        if len(found) == 1:
            return next(iter(found))
        if found:
            raise UnknownName("names several stems; use the id of one")
        raise UnknownName(f"names none of the stems, which are {', '.join(self._listed)}")


def base_name(file_name: str) -> str:
    """Return what an uploaded file is called without folders and ending: ``a/Bass.wav``, Bass."""
    return PurePosixPath(file_name.replace("\\", "/")).stem


def unedited(name: str) -> str:
    """Return a name without the ending of an edited stem."""
    return _EDITED.sub("", name)


def folded(name: str) -> str:
    """Return a name as it is compared: one spelling of accents, no case."""
    return unicodedata.normalize("NFC", name).casefold()
