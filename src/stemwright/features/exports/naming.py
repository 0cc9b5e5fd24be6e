"""What exported files are called."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath
from typing import Final

_LONGEST: Final = 100
_KEPT: Final = frozenset("_-.")


def clean_title(title: str) -> str:
    """Keep letters of all scripts, digits, ``_``, ``-``, ``.`` and space, a hundred of them.

    >>> clean_title("AC/DC: “Für Elise” ♥")
    'ACDC Für Elise'
    """
    kept = "".join(filter(None, map(_kept, unicodedata.normalize("NFC", title))))
    return kept.strip()[:_LONGEST].strip() or "track"


def extension_of(key: str) -> str:
    """The ending of a file, with its dot and in lower case."""
    return PurePosixPath(key).suffix.lower()


def _kept(character: str) -> str:
    if character.isspace():
        return " "
    # the vowels of many scripts are marks, and no letters of their own
    is_word = character.isalnum() or unicodedata.category(character).startswith("M")
    return character if is_word or character in _KEPT else ""
