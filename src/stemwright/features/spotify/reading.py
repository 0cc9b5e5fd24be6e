"""Takes out of Spotify's JSON what is used of it; whatever is missing or odd there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self, TypeGuard

from .facts import TrackFacts, page_url

_ID: Final = re.compile(r"[0-9A-Za-z]{1,64}")
_LONGEST_TITLE: Final = 500
_LONGEST_ISRC: Final = 16
"""Twelve, and what some write between its parts."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list."""

    entries: Sequence[object]
    following: str | None
    """Address of the next part."""
    total: int | None

    @classmethod
    def of(cls, told: object) -> Self | None:
        """Read a page object; none if there is no list in it."""
        if not isinstance(told, Mapping) or not isinstance(told.get("items"), list):
            return None
        return cls(told["items"], address(told.get("next")), whole(told.get("total")))


@dataclass(frozen=True, slots=True)
class Cover:
    """What an album or playlist says of itself."""

    name: str
    image_url: str | None
    total: int | None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Read an album or playlist object."""
        lists = (told.get("items"), told.get("tracks"))
        totals = [told.get("total_tracks"), *(one.get("total") for one in lists if is_object(one))]
        known = [total for total in map(whole, totals) if total is not None]
        return cls(text(told.get("name")), image(told.get("images")), known[0] if known else None)


def track(told: Mapping[str, Any], cover: Cover | None = None) -> TrackFacts | None:
    """Read a track object, or a simplified one of an album; none if it has no id that is one.

    An album's tracks do not repeat its name and images, so they take them from its ``cover``.
    """
    spotify_id = text(told.get("id"))
    if not _ID.fullmatch(spotify_id):
        return None
    facts = TrackFacts(
        spotify_id=spotify_id,
        title=(text(told.get("name")) or spotify_id)[:_LONGEST_TITLE],
        artist=artists(told.get("artists")),
        album=None,
        album_art_url=None,
        duration_s=seconds(told.get("duration_ms")),
        spotify_url=address(_member(told, "external_urls", "spotify"))
        or page_url("track", spotify_id),
        isrc=_isrc(_member(told, "external_ids", "isrc")),
    )
    album = told.get("album")
    own = Cover.of(album) if is_object(album) else cover
    return replace(facts, album=own.name or None, album_art_url=own.image_url) if own else facts


def playlist_track(entry: object) -> TrackFacts | None:
    """Read an entry of a playlist; none for what is no track of Spotify's.

    That is a track removed since, a file on somebody's disk, an episode of a podcast.
    """
    if not is_object(entry) or entry.get("is_local") is True:
        return None
    held = next((entry[name] for name in ("item", "track") if is_object(entry.get(name))), None)
    if held is None or held.get("is_local") is True or held.get("type", "track") != "track":
        return None
    return track(held)


def is_object(told: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether it is a JSON object."""
    return isinstance(told, Mapping)


def text(told: object) -> str:
    """Read a text such that every database takes it."""
    if not isinstance(told, str):
        return ""
    return told.encode("utf-8", "ignore").decode().replace("\0", "").strip()


def whole(told: object) -> int | None:
    """Read a number of things."""
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told < 2**31:
        return None
    return int(told)


def seconds(milliseconds: object) -> int:
    """Round a duration to whole seconds, a half upwards."""
    return ((whole(milliseconds) or 0) + 500) // 1000


def artists(told: object) -> str:
    """Join the names."""
    return ", ".join(name for one in _objects(told) if (name := text(one.get("name"))))


def image(told: object) -> str | None:
    """Address of the first image, which is the largest."""
    return next((url for one in _objects(told) if (url := address(one.get("url")))), None)


def address(told: object) -> str | None:
    """Read an address that a page may link to."""
    url = text(told)
    return url if url.startswith(("https://", "http://")) else None


def _isrc(told: object) -> str | None:
    code = text(told)
    return code if 0 < len(code) <= _LONGEST_ISRC else None


def _objects(told: object) -> Iterator[Mapping[str, Any]]:
    return (one for one in (told if isinstance(told, list) else ()) if isinstance(one, Mapping))


def _member(told: Mapping[str, Any], name: str, inner: str) -> object:
    held = told.get(name)
    return held.get(inner) if isinstance(held, Mapping) else None
