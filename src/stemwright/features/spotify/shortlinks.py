"""Follows short links, and never off Spotify's own hosts."""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin

from stemwright.errors import FetchError, InvalidSpotifyUrl
from stemwright.kit.weblinks import web_link
from stemwright.web.client import GuardedClient

from .budget import Budget
from .links import SHORT_HOSTS, ShortLink, SpotifyLink, parse

_MOST_HOPS: Final = 5
_TOTAL_S: Final = 5.0


class ShortLinks:
    """Asks where they lead."""

    def __init__(self, client: GuardedClient) -> None:
        self._client = client

    def followed(self, link: ShortLink, budget: Budget) -> SpotifyLink:
        """Find what a short link names.

        Raises
        ------
        InvalidSpotifyUrl
            It leads elsewhere, too far, or nowhere in time.

        """
        url, budget = link.url, budget.part(_TOTAL_S)
        for _ in range(_MOST_HOPS):
            url = self._next(url, budget)
            found = _named(url)
            if found is not None:
                return found
        raise _refused()

    def _next(self, url: str, budget: Budget) -> str:
        left_s = budget.left()
        if left_s <= 0:
            raise _refused()
        try:
            answer = self._client.send("GET", url, timeout=left_s, max_reply_bytes=0)
        except FetchError as error:
            raise _refused() from error
        following = _joined(url, answer.headers.get("location", ""))
        if not 300 <= answer.status < 400 or following == url or not _is_spotify(following):
            raise _refused()
        return following


def _named(url: str) -> SpotifyLink | None:
    try:
        found = parse(url)
    except InvalidSpotifyUrl:
        return None
    return found if isinstance(found, SpotifyLink) else None


def _is_spotify(url: str) -> bool:
    link = web_link(url)
    if link is None or not url.lower().startswith("https://"):
        return False
    return (
        link.host in SHORT_HOSTS or link.host == "spotify.com" or link.host.endswith(".spotify.com")
    )


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def _refused() -> InvalidSpotifyUrl:
    return InvalidSpotifyUrl(
        "The short link did not lead to a track, album or playlist on Spotify. Open it, and give "
        "the address it leads to."
    )
