"""Puts the feature together from what the operator set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from stemwright.db.database import Database
from stemwright.kit.clock import utc_now
from stemwright.kit.sealing import Sealer
from stemwright.web.client import GuardedClient

from .budget import Pause, Timing
from .cache import Cache
from .calls import Caller
from .client import WebApi
from .keyless import PAGES, EmbedPages
from .linking import Consent, Linking
from .refreshing import LinkedTokens
from .service import Spotify
from .shortlinks import ShortLinks
from .states import States
from .tokens import AppTokens, Credentials, TokenEndpoint

API_URL: Final = "https://api.spotify.com/v1"
ACCOUNTS_URL: Final = "https://accounts.spotify.com"
_MOST_KEPT: Final = 256


@dataclass(frozen=True, slots=True)
class SpotifyOptions:
    """What the operator set."""

    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    api_url: str = API_URL
    accounts_url: str = ACCOUNTS_URL
    proof_key: bool = True
    """PKCE; an app without a secret cannot do without."""
    keyless: bool = False
    pages_url: str = PAGES


def open_spotify(
    options: SpotifyOptions,
    client: GuardedClient,
    database: Database,
    secret: bytes,
    *,
    clock: Callable[[], datetime] = utc_now,
    timing: Timing | None = None,
) -> Spotify:
    """Wire it; asks nobody."""
    timing = timing or Timing()
    spotify = Spotify(
        api=WebApi(Caller(client, Pause(timing)), options.api_url),
        short_links=ShortLinks(client),
        cache=Cache(_MOST_KEPT, timing.monotonic),
        embedded=EmbedPages(client, options.pages_url) if options.keyless else None,
        timing=timing,
    )
    if not options.client_id:
        return spotify
    credentials = Credentials(options.client_id, options.client_secret)
    endpoint = TokenEndpoint(Caller(client, Pause(timing)), options.accounts_url, credentials)
    sealer = Sealer(secret)
    consent = Consent(
        options.client_id,
        options.accounts_url,
        proof_key=options.proof_key or not options.client_secret,
    )
    return replace(
        spotify,
        app=AppTokens(endpoint, timing) if options.client_secret else None,
        links=Linking(database, endpoint, consent, sealer, States(secret), clock, timing),
        linked=LinkedTokens(database, endpoint, sealer, clock),
    )
