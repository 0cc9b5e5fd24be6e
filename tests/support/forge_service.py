"""The whole service in a process of its own, its worker included, and what is around it.

Around it are Spotify, lalal.ai and a site of videos, all of them on the loopback.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import soundfile

from stemwright.features.separations.demo import SAMPLE_RATE, demo_song
from stemwright.kit.clock import utc_now

from .gain_cli import install_model
from .lalalai_server import LalalaiServer
from .live_server import Service
from .media_site import MediaSite
from .repository import ROOT
from .spotify_accounts import AccountsService
from .spotify_server import SpotifyServer

MODELS = ("htdemucs", "htdemucs_ft", "htdemucs_6s", "mdx_extra", "deepfilternet3")
LICENCE = "shared-licence-0000000000000001"
SONG_S = 7
NO_LIMITS = {f"STEMWRIGHT_RATE_LIMIT_{rate}PER_MINUTE": "0" for rate in ("", "HEAVY_", "BROWSER_")}


def _song(path: Path) -> Path:
    """A bit of music, which has a tempo and a key: from where all of it plays."""
    start = 12 * SAMPLE_RATE
    music = demo_song()[:, start : start + SONG_S * SAMPLE_RATE]
    soundfile.write(path, music.T, SAMPLE_RATE)
    return path


class Surroundings:
    """Everything the service asks elsewhere; a song of seven seconds is published all over it."""

    def __init__(self, folder: Path) -> None:
        self.spotify = SpotifyServer(AccountsService())
        self.lalalai = LalalaiServer(lambda: utc_now().timestamp())
        self.lalalai.account(LICENCE)
        self.lalalai.service.usual = ("success",)
        self.site = MediaSite()
        self.song = _song(folder / "song.flac")
        self._numbers = itertools.count(1)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for server in (self.spotify, self.lalalai, self.site):
            self._stack.enter_context(server)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def publish(self, title: str, *, artists: tuple[str, ...] = ("The Band",), **more: Any) -> str:
        """Put a song on Spotify and a video of it on the site; its Spotify id."""
        number = next(self._numbers)
        told = self.spotify.catalogue.track(
            number, title, artists, duration_ms=SONG_S * 1000, **more
        )
        self.site.add(f"video{number:06}", self.song, f"{artists[0]} - {title}", SONG_S)
        return str(told["id"])

    def settings(self) -> dict[str, str]:
        """Where the service finds all of it."""
        accounts = self.spotify.accounts
        return {
            "STEMWRIGHT_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
            "STEMWRIGHT_YOUTUBE_URL_TEMPLATE": self.site.youtube_url_template,
            "STEMWRIGHT_SPOTIFY_CLIENT_ID": accounts.client_id,
            "STEMWRIGHT_SPOTIFY_CLIENT_SECRET": accounts.client_secret,
            "STEMWRIGHT_SPOTIFY_API_URL": self.spotify.api_url,
            "STEMWRIGHT_SPOTIFY_ACCOUNTS_URL": self.spotify.origin,
            "STEMWRIGHT_LALALAI_BASE_URL": self.lalalai.url,
            "STEMWRIGHT_LALALAI_API_KEY": LICENCE,
        }


class ForgeService(Service):
    """The service, which believes what this machine says of where a request comes from.

    So each browser has an address of its own, and none uses up another one's attempts to log in.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *,
        models: tuple[str, ...] = MODELS,
        command: tuple[str, ...] = ("serve",),
        port: int | None = None,
    ) -> None:
        self.later = folder / "later"
        data = folder / "data"
        for model in models:
            install_model(data, model)
        own = {
            "PYTHONPATH": str(ROOT / "tests"),
            "FORGE_LATER": str(self.later),
            "STEMWRIGHT_MODELS_DIR": str(data / "models"),
            "STEMWRIGHT_MODEL_SOURCES": "none",
            "STEMWRIGHT_TRUSTED_PROXIES": "127.0.0.1",
        }
        super().__init__(
            data,
            {**own, **environment},
            command=command,
            port=port,
            module="support.forge_serve",
        )

    def advance(self, seconds: int) -> None:
        """Set the clock forward, from where it is."""
        ahead = int(self.later.read_text()) if self.later.exists() else 0
        made = self.later.with_suffix(".new")
        made.write_text(str(ahead + seconds))
        made.rename(self.later)


_ADDRESSES = itertools.count(1)


def visitor(service: Service, **headers: str) -> httpx.Client:
    """A client with cookies and an address of its own, which follows no redirect unasked."""
    number = next(_ADDRESSES)
    address = f"198.{18 + number // 65536}.{number // 256 % 256}.{number % 256}"
    return service.client(headers={"x-forwarded-for": address, **headers})
