"""How good a song is wanted, and what its file is called."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, cast

from stemwright.errors import InvalidQuality

if TYPE_CHECKING:
    # NumPy is the child's
    from stemwright.audio.encode import Bitrate
    from stemwright.audio.encode import Format as FormatName

Quality = Literal["lossless", "high", "medium", "low"]
DEFAULT: Final[Quality] = "high"
_LONGEST_NAME: Final = 200
"""Bytes; file systems take 255, and names get longer on their way."""
_LONGEST_ARTIST: Final = 80


@dataclass(frozen=True, slots=True)
class Kind:
    """Format and, for MP3, kilobits a second."""

    format: FormatName
    bitrate_kbps: Bitrate | None = None

    @property
    def extension(self) -> str:
        """The file name's ending, with its dot."""
        return f".{self.format}"


KINDS: Final[Mapping[Quality, Kind]] = MappingProxyType(
    {
        "lossless": Kind("flac"),
        "high": Kind("mp3", 320),
        "medium": Kind("mp3", 192),
        "low": Kind("mp3", 128),
    }
)


def parse_quality(text: str) -> Quality:
    """Read a quality.

    Raises
    ------
    InvalidQuality

    """
    if text not in KINDS:
        raise InvalidQuality(f"Invalid quality: {text[:64]}. There are {', '.join(KINDS)}.")
    return cast("Quality", text)


def library_path(track_id: str, artist: str | None, title: str, extension: str) -> str:
    """Where users see a song: ``downloads/<track>/<artist>-<title>.<ext>``, at most 200 bytes.

    Letters of every script stay; spaces and what a shell, a file system or an address reads as
    something else become underscores, so that the path can be asked for as it is.
    """
    room = _LONGEST_NAME - len(extension.encode())
    who = _shortened(_plain(artist or ""), _LONGEST_ARTIST)
    name = f"{who}-{_plain(title)}" if who else _plain(title)
    return f"downloads/{track_id}/{_shortened(name, room).strip('-') or 'track'}{extension}"


def _plain(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(c if c.isalnum() or c in "-_()&'," or _is_mark(c) else " " for c in composed)
    return "_".join(kept.split()).strip("-,_")


def _is_mark(char: str) -> bool:
    """Whether it belongs to the letter before it, as vowels of many scripts do."""
    return unicodedata.category(char) in {"Mn", "Mc"}


def _shortened(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore").strip("_ ")
