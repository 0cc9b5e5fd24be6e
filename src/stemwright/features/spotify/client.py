"""Spotify's Web API, as far as it is used here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from stemwright.errors import SpotifyFailed

from .budget import Budget
from .calls import Caller, Reply
from .facts import Collection, CollectionKind, TrackFacts
from .reading import Cover, Page, playlist_track, track

MOST_TRACKS: Final = 500
_MOST_PAGES: Final = 100
_LIMIT: Final = "limit=50"

_Read = Callable[[Any], TrackFacts | None]


class Access(Protocol):
    """Where access tokens come from: the app's own, or those of an account linked with it."""

    def token(self, budget: Budget) -> str:
        """Return one that should work.

        Raises
        ------
        SpotifyFailed

        """

    def renewed(self, spent: str, budget: Budget) -> str:
        """Return another than the one that was refused.

        Raises
        ------
        SpotifyFailed

        """


class WebApi:
    """Reads tracks, albums and playlists.

    All methods raise ``SpotifyFailed`` for whatever Spotify refuses or cannot answer.
    """

    def __init__(self, caller: Caller, base_url: str) -> None:
        self._caller = caller
        self._base_url = base_url.rstrip("/")

    def track(self, spotify_id: str, access: Access, budget: Budget) -> TrackFacts:
        """Read one track."""
        told = self._read(self._url(f"tracks/{spotify_id}"), access, budget)
        found = track(told)
        if found is None:
            raise SpotifyFailed("Spotify described the track without its id.", status=200)
        return found

    def album(self, spotify_id: str, access: Access, budget: Budget) -> Collection:
        """Read an album with its tracks."""
        told = self._read(self._url(f"albums/{spotify_id}"), access, budget)
        cover = Cover.of(told)
        first = Page.of(told.get("tracks"))
        if first is None:
            url = self._url(f"albums/{spotify_id}/tracks?{_LIMIT}&offset=0")
            first = self._page(url, access, budget)
        found = self._gathered(first, lambda entry: _album_track(entry, cover), access, budget)
        return found.collection("album", spotify_id, cover)

    def playlist(self, spotify_id: str, access: Access, budget: Budget) -> Collection:
        """Read a playlist with those of its entries that are tracks of Spotify's."""
        told = self._read(self._url(f"playlists/{spotify_id}"), access, budget)
        first = self._first_entries(spotify_id, access, budget)
        found = self._gathered(first, playlist_track, access, budget)
        return found.collection("playlist", spotify_id, Cover.of(told))

    def _first_entries(self, spotify_id: str, access: Access, budget: Budget) -> Page:
        """Ask under the path of 2026, else under the one before it."""
        refusals = []
        for path in ("items", "tracks"):
            url = self._url(f"playlists/{spotify_id}/{path}?{_LIMIT}&offset=0")
            reply = self._asked(url, access, budget)
            page = Page.of(reply.good)
            if page is not None:
                return page
            refusals.append(reply)
            if reply.status not in {200, 403, 404}:
                raise reply.failure()
        raise SpotifyFailed(
            "Spotify did not return this playlist's tracks; link the owner's Spotify account",
            status=refusals[-1].status,
        )

    def _gathered(self, page: Page, read: _Read, access: Access, budget: Budget) -> _Gathering:
        """Follow a list from its first page to its end, or to as many tracks as are taken."""
        found = _Gathering(page.total)
        for _ in range(_MOST_PAGES):
            found.add(page, read)
            if found.truncated or page.following is None:
                return found
            if len(found.tracks) >= MOST_TRACKS or not self._is_ours(page.following):
                break
            page = self._page(page.following, access, budget)
        found.truncated = True
        return found

    def _page(self, url: str, access: Access, budget: Budget) -> Page:
        page = Page.of(self._read(url, access, budget))
        if page is None:
            raise SpotifyFailed("Spotify answered without the list asked for.", status=200)
        return page

    def _read(self, url: str, access: Access, budget: Budget) -> Mapping[str, Any]:
        reply = self._asked(url, access, budget)
        if reply.good is None:
            raise reply.failure()
        return reply.good

    def _asked(self, url: str, access: Access, budget: Budget) -> Reply:
        """Ask once more with another token if the first one is refused."""
        token = access.token(budget)
        reply = self._get(url, token, budget)
        if reply.status == 401:
            reply = self._get(url, access.renewed(token, budget), budget)
        return reply

    def _get(self, url: str, token: str, budget: Budget) -> Reply:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        return self._caller.call("GET", url, budget, headers=headers)

    def _url(self, path: str) -> str:
        return f"{self._base_url}/{path}"

    def _is_ours(self, url: str) -> bool:
        """Whether a token may be sent there."""
        origin = _origin(url)
        return origin is not None and origin == _origin(self._base_url)


class _Gathering:
    """Tracks as they come, page by page."""

    def __init__(self, total: int | None) -> None:
        self.tracks: list[TrackFacts] = []
        self.skipped = 0
        self.truncated = False
        self._total = total

    def add(self, page: Page, read: _Read) -> None:
        for entry in page.entries:
            facts = read(entry)
            if facts is None:
                self.skipped += 1
            elif len(self.tracks) == MOST_TRACKS:
                self.truncated = True
                return
            else:
                self.tracks.append(facts)

    def collection(self, kind: CollectionKind, spotify_id: str, cover: Cover) -> Collection:
        totals = (cover.total, self._total, len(self.tracks) + self.skipped)
        return Collection(
            kind=kind,
            spotify_id=spotify_id,
            name=cover.name or spotify_id,
            image_url=cover.image_url,
            total_tracks=next(total for total in totals if total is not None),
            tracks=tuple(self.tracks),
            skipped=self.skipped,
            truncated=self.truncated,
        )


def _album_track(entry: object, cover: Cover) -> TrackFacts | None:
    return track(entry, cover) if isinstance(entry, Mapping) else None


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        split = urlsplit(url)
        origin = (split.scheme, split.hostname, split.port)
    except ValueError:
        return None
    return origin if url.isprintable() and "@" not in split.netloc else None
