"""Songs on Spotify as tracks of a library: looking one up is adding it."""

from __future__ import annotations

from dataclasses import dataclass

from stemwright.features.spotify.facts import Collection
from stemwright.features.spotify.service import Spotify

from .service import Tracks
from .track import Track


@dataclass(frozen=True, slots=True)
class Looked:
    """The tracks a link names, in its order."""

    tracks: tuple[Track, ...]
    collection: Collection | None = None
    """The album or playlist, where it was one."""


@dataclass(frozen=True, slots=True)
class Lookups:
    """Reads links to Spotify."""

    tracks: Tracks
    spotify: Spotify

    def fetch(self, owner: str, url: str) -> Looked:
        """Look up a track, an album or a playlist; their songs are in the library afterwards.

        Raises
        ------
        InvalidSpotifyUrl, SpotifyNotConfigured, SpotifyFailed

        """
        found = self.spotify.fetch(url, owner=owner)
        if isinstance(found, Collection):
            return Looked(tuple(self.tracks.upsert_all(owner, found.tracks)), found)
        return Looked(tuple(self.tracks.upsert_all(owner, [found])))
