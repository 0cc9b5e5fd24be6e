"""What bytes plainly are when they are no sound: pages, playlists, error messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stemwright.errors import NotAudio

SNIFFED_BYTES: Final = 512
"""How many bytes tell text from sound."""

_DIRECT = (
    "Give a direct link to the file itself: one that downloads or plays it, nothing around it."
)
_PAGES = (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<script")
_PLAYLISTS = (
    b"#extm3u", b"ffconcat", b"[playlist]", b"<asx", b"[reference]", b"<?wpl", b"<mpd",
    b"<playlist", b"<smil",
)  # fmt: skip
_JSON = (b"{", b"[")
_NOT_FILES = ("text/html", "application/xhtml+xml", "application/json", "text/json")


def refuse_by_headers(headers: Mapping[str, str], url: str) -> None:
    """Refuse what the server itself calls a page, an answer to a program, or packed."""
    if headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
        raise NotAudio(f"{url} is sent compressed, which was not asked for. {_DIRECT}")
    declared = headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared in _NOT_FILES or declared.endswith("+json"):
        kind = "JSON" if "json" in declared else "a web page"
        raise NotAudio(f"{url} is {kind}, not audio. {_DIRECT}")


def refuse_by_content(head: bytes, url: str) -> None:
    """Refuse text of every kind, whatever it is called; playlists above all.

    A playlist names further files, which would be fetched past every check of addresses.
    """
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:256].lower()
    if start.startswith(_PLAYLISTS) or (start.startswith(b"<?xml") and b"<playlist" in start):
        raise NotAudio(
            f"{url} is a playlist, not audio. Give the direct link of one song it lists."
        )
    if start.startswith(_PAGES):
        raise NotAudio(f"{url} is a web page, not audio. {_DIRECT}")
    if _is_text(head[:SNIFFED_BYTES]):
        kind = "JSON" if start.startswith(_JSON) else "text"
        raise NotAudio(f"{url} is {kind}, not audio. {_DIRECT}")


def _is_text(head: bytes) -> bool:
    if any(byte < 0x20 and byte not in b"\t\n\r\f" for byte in head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and len(head) == SNIFFED_BYTES
    return bool(head)
