"""Pictures of albums, which a song can do without."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stemwright.errors import FetchError
from stemwright.kit import logs
from stemwright.web.client import GuardedClient

MOST_BYTES: Final = 8 << 20
_WITHIN_S: Final = 15.0
_OK: Final = 200

log = logs.get_logger(__name__)


def fetch_cover(client: GuardedClient, url: str | None, into: Path) -> Path | None:
    """Fetch a picture; none where there is none, or it is too large, or not to be had."""
    if url is None:
        return None
    try:
        return into if _fetched(client, url, into) else None
    except FetchError as error:
        log.warning("no cover", reason=error.message)
        return None


def _fetched(client: GuardedClient, url: str, into: Path) -> bool:
    left = MOST_BYTES
    with client.stream(url, total_s=_WITHIN_S) as reply, into.open("wb") as file:
        if reply.status != _OK:
            return False
        for block in reply.blocks():
            left -= len(block)
            if left < 0:
                return False
            file.write(block)
    return left < MOST_BYTES
