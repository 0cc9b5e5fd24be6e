"""Which files are taken, going by the name; what is really in them the decoder decides later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from stemwright.errors import UnsupportedFormat

CONTENT_TYPES: Final[Mapping[str, str]] = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "opus": "audio/opus",
    "webm": "audio/webm",
    "wma": "audio/x-ms-wma",
}
"""Extension to content type."""

_LONGEST: Final = 255
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def bare_name(file_name: str) -> str:
    """Drop folders, of either kind of system, and what no name should contain."""
    encodable = file_name.encode("utf-8", "replace").decode("utf-8")
    return _CONTROL.sub("", re.split(r"[/\\]", encodable)[-1]).strip()


def shortened(file_name: str) -> str:
    """Cut a name that is too long, but not its extension."""
    stem, dot, extension = file_name.rpartition(".")
    return f"{stem[: _LONGEST - len(dot + extension)]}{dot}{extension}"


def extension_of(file_name: str) -> str:
    """Return the extension in lower case.

    Raises
    ------
    UnsupportedFormat
        No format taken here has it.

    """
    stem, _, extension = file_name.rpartition(".")
    extension = extension.lower()
    if not stem or extension not in CONTENT_TYPES:
        raise UnsupportedFormat(file_name[-_LONGEST:], tuple(CONTENT_TYPES))
    return extension
