"""The Spotify feature put together as the product does, against the stand-in, in a test's time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlsplit

import httpx

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.features.spotify.budget import IN_A_REQUEST, Budget, Timing
from stemwright.features.spotify.linking import LinkedAccount
from stemwright.features.spotify.opening import SpotifyOptions, open_spotify
from stemwright.features.spotify.service import Spotify
from stemwright.web.client import GuardedClient

from .spotify_server import SpotifyServer
from .task_queue import FakeClock

SECRET = b"the instance's secret, long enough"
REDIRECT = "http://127.0.0.1:8000/auth/spotify/callback"


@dataclass
class FakeTime:
    """Time that passes only while somebody sleeps, or when a test says so."""

    now: float = 1000.0
    naps: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def timing(self) -> Timing:
        return Timing(lambda: self.now, self._sleep)

    def _sleep(self, seconds: float) -> None:
        with self._lock:
            self.naps.append(seconds)
            self.now += seconds


class Bench:
    """One process of the service; close it after use."""

    def __init__(
        self, url: str, server: SpotifyServer, *, secret: bytes = SECRET, **options: object
    ) -> None:
        self.server, self.time, self.clock = server, FakeTime(), FakeClock()
        self.database = Database(url)
        Table.metadata.create_all(self.database.engine)
        usual = SpotifyOptions(
            client_id=server.accounts.client_id,
            client_secret=server.accounts.client_secret,
            api_url=server.api_url,
            accounts_url=server.origin,
            pages_url=server.origin,
        )
        self.options = replace(usual, **options)  # type: ignore[arg-type]
        self.secret = secret
        self.spotify = self.opened(self.time.timing)

    def opened(self, timing: Timing) -> Spotify:
        return open_spotify(
            self.options,
            GuardedClient(),
            self.database,
            self.secret,
            clock=self.clock,
            timing=timing,
        )

    def close(self) -> None:
        self.database.close()

    def budget(self) -> Budget:
        return Budget(IN_A_REQUEST, self.time.timing)

    def come_back(self, owner: str = "usr_me", redirect_url: str = REDIRECT) -> dict[str, str]:
        """Send the browser there; what it comes back with."""
        address = self.spotify.linking.begin(owner, redirect_url)
        location = httpx.get(address).headers["location"]
        assert location.startswith(f"{redirect_url}?")
        return dict(parse_qsl(urlsplit(location).query))

    def link(self, owner: str = "usr_me") -> LinkedAccount:
        return self.spotify.linking.finish(**self.come_back(owner))
