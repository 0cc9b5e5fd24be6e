"""Headers of answers that browsers show as pages of this site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: https://i.scdn.co https://*.scdn.co https://*.spotifycdn.com; "
    "connect-src 'self' ws: wss: https://api.spotify.com; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)

BROWSER_HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": _POLICY,
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # browsers of today have no such filter; those that had one could be told to block
    "x-xss-protection": "1; mode=block",
}
