"""Metadata from the pages that other sites embed, for servers without an app of Spotify's.

Nobody promised how these pages look. They name no album and no ISRC, and a playlist's first tracks
only, about a hundred.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from stemwright.errors import FetchError, SpotifyFailed
from stemwright.web.client import GuardedClient

from .budget import Budget
from .facts import Collection, CollectionKind, TrackFacts, page_url
from .links import SpotifyLink
from .reading import address, artists, is_object, seconds, text

PAGES: Final = "https://open.spotify.com"
_LARGEST_PAGE: Final = 4 << 20
_MOST_LISTED: Final = 100
_DATA: Final = re.compile(
    r"""<script\b[^>]*\bid=["']__NEXT_DATA__["'][^>]*>(.*?)</script>""", re.DOTALL
)
_TRACK_URI: Final = re.compile(r"spotify:track:([0-9A-Za-z]{1,64})")
_WAY: Final = ("props", "pageProps", "state", "data", "entity")


class EmbedPages:
    """Reads them."""

    def __init__(self, client: GuardedClient, pages_url: str = PAGES) -> None:
        self._client = client
        self._pages_url = pages_url

    def fetch(self, link: SpotifyLink, budget: Budget) -> TrackFacts | Collection:
        """Read what the page says.

        Raises
        ------
        SpotifyFailed

        """
        told = _entity(self._page(link, budget))
        return _track(link, told) if link.kind == "track" else _collection(link, told)

    def _page(self, link: SpotifyLink, budget: Budget) -> str:
        url = f"{self._pages_url}/embed/{link.kind}/{link.spotify_id}"
        try:
            answer = self._client.send(
                "GET",
                url,
                timeout=budget.for_a_call(),
                max_reply_bytes=_LARGEST_PAGE,
                trusted=True,
            )
        except FetchError as error:
            raise SpotifyFailed("Spotify cannot be reached. Try again later.") from error
        if answer.status != 200:
            raise SpotifyFailed(
                f"Spotify's page of this {link.kind} answered with status {answer.status}.",
                status=answer.status,
            )
        return answer.body.decode("utf-8", "replace")


def _entity(page: str) -> Mapping[str, Any]:
    found = _DATA.search(page)
    try:
        told: object = json.loads(found[1]) if found else None
    except (ValueError, RecursionError):
        told = None
    for name in _WAY:
        told = told.get(name) if is_object(told) else None
    if not is_object(told):
        raise SpotifyFailed(
            "Spotify's page does not say what it shows, as it does when there is no such thing. "
            "STEMWRIGHT_SPOTIFY_CLIENT_ID with a secret is the way that Spotify supports."
        )
    return told


def _track(link: SpotifyLink, told: Mapping[str, Any]) -> TrackFacts:
    return TrackFacts(
        spotify_id=link.spotify_id,
        title=_title(told) or link.spotify_id,
        artist=artists(told.get("artists")),
        album=None,
        album_art_url=_cover(told),
        duration_s=seconds(told.get("duration")),
        spotify_url=page_url("track", link.spotify_id),
    )


def _collection(link: SpotifyLink, told: Mapping[str, Any]) -> Collection:
    listed = told.get("trackList")
    entries = listed if isinstance(listed, list) else []
    name, cover = _title(told) or link.spotify_id, _cover(told)
    album = (name, cover) if link.kind == "album" else (None, None)
    read = [_listed(entry, *album) for entry in entries]
    tracks = tuple(facts for facts in read if facts is not None)
    return Collection(
        kind=cast("CollectionKind", link.kind),
        spotify_id=link.spotify_id,
        name=name,
        image_url=cover,
        total_tracks=len(entries),
        tracks=tracks,
        skipped=len(entries) - len(tracks),
        truncated=len(entries) >= _MOST_LISTED,
    )


def _listed(entry: object, album: str | None, cover: str | None) -> TrackFacts | None:
    if not is_object(entry):
        return None
    named = _TRACK_URI.fullmatch(text(entry.get("uri")))
    if named is None:
        return None
    return TrackFacts(
        spotify_id=named[1],
        title=_title(entry) or named[1],
        artist=text(entry.get("subtitle")).replace("\u00a0", " "),
        album=album,
        album_art_url=cover,
        duration_s=seconds(entry.get("duration")),
        spotify_url=page_url("track", named[1]),
    )


def _title(told: Mapping[str, Any]) -> str:
    return (text(told.get("title")) or text(told.get("name")))[:500]


def _cover(told: Mapping[str, Any]) -> str | None:
    """Address of the widest image."""
    art = told.get("coverArt")
    listed = art.get("sources") if is_object(art) else None
    sources = [one for one in (listed if isinstance(listed, list) else ()) if is_object(one)]
    widest = max(sources, key=_width, default=None)
    return address(widest.get("url")) if widest else None


def _width(source: Mapping[str, Any]) -> float:
    width = source.get("width")
    return width if isinstance(width, int | float) else 0
