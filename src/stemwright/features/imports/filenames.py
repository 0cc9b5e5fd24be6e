"""What a remote file is called, for people; never a path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

NAMELESS: Final = "input"

_LONGEST = 255
_CHARSETS = frozenset({"utf-8", "iso-8859-1"})
_EXTENDED = re.compile(r"""filename\*\s*=\s*([\w.-]+)'[^']*'([^;\s]+)""", re.IGNORECASE)
_PLAIN = re.compile(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]+))', re.IGNORECASE)
_SUFFIX = re.compile(r"\.[0-9A-Za-z]{1,5}")


def remote_name(headers: Mapping[str, str], url: str) -> str:
    """Take the name the server gives, else the last part of the address, else ``input``."""
    disposition = headers.get("content-disposition", "")
    last = unquote(urlsplit(url).path.rpartition("/")[2])
    return _cleaned(_extended(disposition) or _plain(disposition)) or _cleaned(last) or NAMELESS


def safe_suffix(file_name: str) -> str:
    """Return the ending that tells a decoder what to expect, or nothing."""
    suffix = PurePosixPath(file_name).suffix
    return suffix.lower() if _SUFFIX.fullmatch(suffix) else ""


def _extended(disposition: str) -> str:
    found = _EXTENDED.search(disposition)
    if found is None or found[1].lower() not in _CHARSETS:
        return ""
    try:
        return unquote(found[2], encoding=found[1], errors="strict")
    except UnicodeDecodeError:
        return ""


def _plain(disposition: str) -> str:
    found = _PLAIN.search(disposition)
    if found is None:
        return ""
    return re.sub(r"\\([\\\"])", r"\1", found[1]) if found[1] else (found[2] or "").strip()


def _cleaned(name: str) -> str:
    """Drop folders and what does not print."""
    last = re.split(r"[/\\]", name)[-1]
    printable = "".join(c for c in last if c.isprintable()).strip()
    if not printable.strip("."):
        return ""
    return printable if len(printable) <= _LONGEST else _shortened(printable)


def _shortened(name: str) -> str:
    suffix = safe_suffix(name)
    return name[: _LONGEST - len(suffix)] + suffix
