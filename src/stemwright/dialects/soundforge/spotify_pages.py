"""The way to Spotify and back, when an account is linked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import RedirectResponse, Response

from stemwright.errors import SourceError, SpotifyAccessDenied, SpotifyStateInvalid
from stemwright.web.browser_headers import BROWSER_HEADERS

from .account_services import AccountServices
from .visits import Visit

SETTINGS_SHORT: Final = "/settings"
"""Where the settings are to those who link to them from elsewhere."""
_ABSENT: Final = "Linking with Spotify is not configured on this server."


@dataclass(frozen=True, slots=True)
class SpotifyPages:
    """Two addresses without a page of their own."""

    services: AccountServices

    def begin(self, visit: Visit) -> Response:
        """Send the browser to Spotify."""
        owner, spotify = visit.principal.owner, self.services.spotify
        if spotify is None:
            visit.say(_ABSENT, "error")
            return visit.redirect(SETTINGS_SHORT)
        address = spotify.begin(owner, self.services.spotify_redirect_url, ask=True)
        headers = {**BROWSER_HEADERS, "cache-control": "no-store"}
        return RedirectResponse(address, 302, headers=headers)

    def finish(self, visit: Visit) -> Response:
        """Take what the browser comes back with; its session may be that of another host name."""
        if self.services.spotify is None:
            return self._back(visit, _ABSENT, "error")
        try:
            self.services.spotify.finish(
                visit.query.get("state", ""),
                code=visit.query.get("code"),
                error=visit.query.get("error"),
                signed_in=visit.found.principal.owner if visit.found else None,
            )
        except SpotifyAccessDenied:
            return self._back(visit, "Spotify authorization was denied.", "error")
        except SpotifyStateInvalid:
            return self._back(visit, "Invalid OAuth state", "error")
        except SourceError as error:
            return self._back(visit, error.message, "error")
        return self._back(visit, "Spotify account linked.", "info")

    def _back(self, visit: Visit, message: str, kind: str) -> Response:
        visit.say(message, kind)
        return visit.redirect("/")
