"""What travels through the user's browser while an account is linked, and comes back signed."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from stemwright.errors import SpotifyStateInvalid

_PURPOSE: Final = b"stemwright spotify state\0"
_LONGEST: Final = 1024


@dataclass(frozen=True, slots=True)
class State:
    """Who links an account, under which number the rest is kept, and until when."""

    owner: str
    nonce: str
    expires_at: datetime


class States:
    """Signs them and reads them back. Every host of a fleet has the same secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def signed(self, state: State) -> str:
        """Write it such that it can stand in a query."""
        parts = [state.owner, state.nonce, int(state.expires_at.timestamp())]
        said = urlsafe_b64encode(json.dumps(parts).encode()).decode("ascii")
        return f"{said}.{self._signature(said)}"

    def opened(self, signed: str, now: datetime) -> State:
        """Read it back.

        Raises
        ------
        SpotifyStateInvalid
            It is not from here, was changed, or its time is over.

        """
        said, _, signature = signed.partition(".") if len(signed) <= _LONGEST else ("", "", "")
        # as text: decoded, several spellings of a signature would be the same
        right = self._signature(said).encode()
        if not hmac.compare_digest(right, signature.encode("utf-8", "replace")):
            raise state_invalid()
        owner, nonce, expires = _parts(said)
        state = State(owner, nonce, datetime.fromtimestamp(expires, UTC))
        if now >= state.expires_at:
            raise state_invalid()
        return state

    def _signature(self, said: str) -> str:
        message = _PURPOSE + said.encode("utf-8", "replace")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()


def state_invalid() -> SpotifyStateInvalid:
    """Say the same of every state that is not taken: whoever makes them up learns nothing."""
    return SpotifyStateInvalid(
        "The answer from Spotify does not belong to a link begun here within ten minutes. "
        "Begin again."
    )


def _parts(said: str) -> tuple[str, str, int]:
    try:
        owner, nonce, expires = json.loads(urlsafe_b64decode(said))
    except ValueError as error:  # another version of this program signed it
        raise state_invalid() from error
    return str(owner), str(nonce), int(expires)
