"""The Content-Disposition header of a file that is to be saved, after RFC 6266."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote

_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f"\\/%]')
# RFC 8187, attr-char: what quote() leaves alone besides letters and digits
_PLAIN: Final = "!#$&+-.^_`|~"


def attachment(file_name: str | None) -> str:
    """Say that a response is to be saved, and as what.

    Names that are not plain ASCII come twice: spelled out as far as ASCII goes for old clients,
    and whole in ``filename*``, which the others prefer.
    """
    if not file_name:
        return "attachment"
    cleaned = _UNSAFE.sub("_", file_name)
    header = f'attachment; filename="{_ascii(cleaned)}"'
    if cleaned.isascii():
        return header
    return f"{header}; filename*=UTF-8''{quote(cleaned, safe=_PLAIN, errors='replace')}"


def _ascii(name: str) -> str:
    parts = unicodedata.normalize("NFKD", name)
    bare = "".join(part for part in parts if not unicodedata.combining(part))
    return _UNSAFE.sub("_", bare).encode("ascii", "replace").decode().replace("?", "_")
