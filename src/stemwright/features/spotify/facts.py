"""What is known of a track, an album, a playlist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["track", "album", "playlist"]
CollectionKind = Literal["album", "playlist"]
KINDS: Final[tuple[Kind, ...]] = ("track", "album", "playlist")


@dataclass(frozen=True, slots=True)
class TrackFacts:
    """What a song is called, whose it is and how long, by which it is found elsewhere."""

    spotify_id: str
    title: str
    """1 to 500 characters."""
    artist: str
    """All of them, joined with commas."""
    album: str | None
    album_art_url: str | None
    duration_s: int
    spotify_url: str
    isrc: str | None = None
    """The recording's international code; Spotify gives it to some apps only."""


@dataclass(frozen=True, slots=True)
class Collection:
    """An album or a playlist."""

    kind: CollectionKind
    spotify_id: str
    name: str
    image_url: str | None
    total_tracks: int
    """As Spotify counts, with what is skipped or left out here."""
    tracks: tuple[TrackFacts, ...]
    """In order; a playlist may hold one twice."""
    skipped: int = 0
    """Entries that are no tracks of Spotify: removed ones, local files, episodes."""
    truncated: bool = False
    """There are more tracks than these."""


def page_url(kind: Kind, spotify_id: str) -> str:
    """Address of the page that people are shown."""
    return f"https://open.spotify.com/{kind}/{spotify_id}"
