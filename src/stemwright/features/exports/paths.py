"""Paths that strangers send: refused if any way of reading them leads out of their folder."""

from __future__ import annotations

import unicodedata
from typing import Final
from urllib.parse import unquote

from stemwright.errors import PathRefused

_DECODED_AT_MOST: Final = 5
_NO_TEXT: Final = "\N{REPLACEMENT CHARACTER}"
"""What is left of bytes that are no UTF-8, such as a dot written in two."""


def checked_path(path: str) -> str:
    """Return a path below some folder as it is.

    It was decoded once, as every address is; a part that would be ``..`` after another decoding,
    in other letters or with other separators is refused as well.

    Raises
    ------
    PathRefused

    """
    read = path
    for _ in range(_DECODED_AT_MOST):
        _refuse(read)
        again = unquote(read)
        if again == read:
            return path
        read = again
    raise PathRefused("The path is encoded again and again.")


def _refuse(path: str) -> None:
    plain = unicodedata.normalize("NFKC", path).replace("\\", "/")
    odd = any(ord(character) < 0x20 or character in {"\x7f", _NO_TEXT} for character in path)
    if odd or path.startswith("/") or any(part in {"", ".", ".."} for part in plain.split("/")):
        raise PathRefused("The path does not stay in its folder.")
