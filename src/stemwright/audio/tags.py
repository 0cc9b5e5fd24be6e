"""What a song says about itself, and how that carries over to its stems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

MAX_TEXT = 4096
MAX_COVER_BYTES = 8 << 20
"""Larger covers are not carried over: each stem would repeat them."""


@dataclass(frozen=True, slots=True)
class Tags:
    """Descriptive fields of a song; ``None`` where the file is silent.

    ``track`` keeps the file's own notation ("3" or "3/12"); ``date`` is a year or an ISO date.
    ``cover`` holds a JPEG or PNG file.
    """

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    date: str | None = None
    track: str | None = None
    genre: str | None = None
    comment: str | None = None
    cover: bytes | None = None

    def for_stem(self, stem: str) -> Tags:
        """Return the same tags with the stem's name added: "Song (vocals)"."""
        return replace(self, title=f"{self.title} ({stem})" if self.title else stem)

    def texts(self) -> dict[str, str]:
        """Return the fields that hold text, by name."""
        values = ((name, getattr(self, name)) for name in TEXT_FIELDS)
        return {name: value for name, value in values if value}


TEXT_FIELDS = tuple(field.name for field in fields(Tags) if field.name != "cover")


def tags_from(texts: Mapping[str, str], cover: bytes | None = None) -> Tags:
    """Build tags from untrusted fields: unknown names, junk text and odd covers are dropped."""
    clean = {name: _clean(texts[name]) for name in TEXT_FIELDS if name in texts}
    return Tags(**clean, cover=cover if cover and cover_mime(cover) else None)


def cover_mime(cover: bytes) -> str | None:
    """Return a cover's MIME type; ``None`` if it is neither JPEG nor PNG, or too large."""
    if len(cover) > MAX_COVER_BYTES:
        return None
    if cover.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/png" if cover.startswith(b"\x89PNG\r\n\x1a\n") else None


def decode_text(raw: bytes) -> str:
    """Decode text of unstated encoding: UTF-8 if it is that, Windows Latin otherwise."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _clean(text: str) -> str | None:
    kept = "".join(c if c.isprintable() or c == "\n" else " " for c in text.strip("\0 \t\r\n"))
    return kept.encode("utf-8", "ignore").decode()[:MAX_TEXT].strip() or None
