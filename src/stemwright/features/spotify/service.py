"""What a link to Spotify names, looked up with whichever access there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from stemwright.errors import SpotifyFailed, SpotifyNotConfigured

from .budget import IN_A_REQUEST, Budget, Patience, Timing
from .cache import Cache
from .client import Access, WebApi
from .facts import Collection, TrackFacts
from .keyless import EmbedPages
from .linking import Linking
from .links import ShortLink, SpotifyLink, parse
from .refreshing import LinkedAccess, LinkedTokens
from .shortlinks import ShortLinks

Found = TrackFacts | Collection

_GOOD_FOR_S: Final = {"track": 3600.0, "album": 3600.0, "playlist": 60.0}
_REFUSED: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Spotify:
    """Looks tracks, albums and playlists up.

    Made by ``opening.open_spotify``; one per process, as Spotify's limits are per app.
    """

    api: WebApi
    short_links: ShortLinks
    cache: Cache[Found]
    app: Access | None = None
    """None where the app has no secret, or there is no app."""
    links: Linking | None = None
    """None where there is no app."""
    linked: LinkedTokens | None = None
    embedded: EmbedPages | None = None
    """None unless the operator allows to do without an app."""
    timing: Timing = field(default_factory=Timing)

    @property
    def linking(self) -> Linking:
        """Linked accounts.

        Raises
        ------
        SpotifyNotConfigured

        """
        if self.links is None:
            raise _not_configured()
        return self.links

    def fetch(
        self, url: str, *, owner: str | None = None, patience: Patience = IN_A_REQUEST
    ) -> Found:
        """Look up what a link names; ``owner`` also sees what only his linked account shows.

        Raises
        ------
        InvalidSpotifyUrl
        SpotifyNotConfigured
            There is nothing to ask with, so nothing was asked.
        SpotifyFailed

        """
        link = parse(url)
        readers = self._readers(owner)
        if not readers:
            raise _not_configured()
        budget = Budget(patience, self.timing)
        if isinstance(link, ShortLink):
            link = self.short_links.followed(link, budget)
        return self._found(link, readers, budget)

    def _readers(self, owner: str | None) -> list[_Reader]:
        """Everything there is to ask with."""
        readers = []
        if self.app is not None:
            readers.append(_Reader("", self._by_api(self.app)))
        if owner is not None and self.links and self.linked and self.links.is_linked(owner):
            readers.append(_Reader(owner, self._by_api(LinkedAccess(self.linked, owner))))
        if not readers and self.embedded is not None:
            readers.append(_Reader("", self.embedded.fetch))
        return readers

    def _by_api(self, access: Access) -> Callable[[SpotifyLink, Budget], Found]:
        def read(link: SpotifyLink, budget: Budget) -> Found:
            if link.kind == "track":
                return self.api.track(link.spotify_id, access, budget)
            whole = self.api.album if link.kind == "album" else self.api.playlist
            return whole(link.spotify_id, access, budget)

        return read

    def _found(self, link: SpotifyLink, readers: list[_Reader], budget: Budget) -> Found:
        # A playlist is its owner's business, so his own token is asked, and no other; the rest
        # is public, and a user's token is for where the app's is refused.
        if link.kind == "playlist":
            readers = readers[-1:]
        *before, last = readers
        for reader in before:
            try:
                return self._kept_or_read(link, reader, budget)
            except SpotifyFailed as error:
                if error.status not in _REFUSED:
                    raise
        return self._kept_or_read(link, last, budget)

    def _kept_or_read(self, link: SpotifyLink, reader: _Reader, budget: Budget) -> Found:
        # what one user may see of a playlist is not for another's eyes
        key = (link, reader.owner if link.kind == "playlist" else "")
        found = self.cache.find(key)
        if found is None:
            found = reader.read(link, budget)
            self.cache.keep(key, found, _GOOD_FOR_S[link.kind])
        return found


@dataclass(frozen=True, slots=True)
class _Reader:
    owner: str
    """Whose eyes it reads with; nobody's for what everybody sees."""
    read: Callable[[SpotifyLink, Budget], Found]


def _not_configured() -> SpotifyNotConfigured:
    return SpotifyNotConfigured(
        "Spotify is not set up on this server. Its operator has to set "
        "STEMWRIGHT_SPOTIFY_CLIENT_ID and STEMWRIGHT_SPOTIFY_CLIENT_SECRET."
    )
