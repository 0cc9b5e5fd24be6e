"""What a link to Spotify names, decided by its host and path before anything is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from stemwright.errors import InvalidSpotifyUrl
from stemwright.kit.weblinks import shown, trimmed, web_link

from .facts import KINDS, Kind

PAGE_HOSTS: Final = frozenset(
    {"spotify.com", "www.spotify.com", "open.spotify.com", "play.spotify.com"}
)
SHORT_HOSTS: Final = frozenset({"spotify.link", "spotify.app.link"})

_ID: Final = re.compile(r"[0-9A-Za-z]{1,64}")
_CODE: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_COUNTRY: Final = re.compile(r"intl-\w+", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SpotifyLink:
    """One track, album or playlist."""

    kind: Kind
    spotify_id: str


@dataclass(frozen=True, slots=True)
class ShortLink:
    """A link that has to be followed before it names anything."""

    url: str


def parse(text: str) -> SpotifyLink | ShortLink:
    """Read any form of a link to a track, album or playlist; asks nobody.

    Raises
    ------
    InvalidSpotifyUrl
        It is none.

    """
    bare = trimmed(text)
    found = _from_uri(bare) or _from_address(bare)
    if found is None:
        raise InvalidSpotifyUrl(
            f"{shown(text)} does not name a track, album or playlist on Spotify. Give its address, "
            "such as https://open.spotify.com/track/ID."
        )
    return found


def _from_uri(text: str) -> SpotifyLink | None:
    """Read ``spotify:track:ID``, or of playlists the old ``spotify:user:NAME:playlist:ID``."""
    scheme, *parts = text.split(":")
    return _named(parts) if scheme.lower() == "spotify" else None


def _from_address(text: str) -> SpotifyLink | ShortLink | None:
    link = web_link(text)
    if link is None:
        return None
    if link.host in SHORT_HOSTS and len(link.folders) == 1 and _CODE.fullmatch(link.folders[0]):
        return ShortLink(f"https://{link.host}/{link.folders[0]}")
    if link.host not in PAGE_HOSTS:
        return None
    first, *rest = link.folders
    return _named(rest if first.lower() == "embed" or _COUNTRY.fullmatch(first) else link.folders)


def _named(parts: list[str] | tuple[str, ...]) -> SpotifyLink | None:
    words = [part.lower() for part in parts]
    if len(parts) == 4 and words[0] == "user" and words[2] == "playlist" and parts[1]:
        parts, words = parts[2:], words[2:]
    if len(parts) != 2 or not _ID.fullmatch(parts[1]):
        return None
    kind = next((kind for kind in KINDS if kind == words[0]), None)
    return SpotifyLink(kind, parts[1]) if kind else None
