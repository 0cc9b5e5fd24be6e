"""How often somebody may try to log in: guesses are slow for one who makes many."""

from __future__ import annotations

import hashlib
from typing import Final

from starlette.types import Scope

from stemwright.errors import RateLimited
from stemwright.kit.clock import utc_now

from .ratelimits import network_of
from .windows import Clock, Windows

_TOGETHER: Final = 5
_ADDRESS: Final = 20
_ACCOUNT: Final = 30


class Attempts:
    """Counts tries in a minute: at one account from one address, from there, and at the account.

    The last is the most generous: with it, an attacker could lock the account's owner out. What is
    counted is the text that was typed, be there such an account or not.
    """

    def __init__(self, *, url: str = "", clock: Clock = utc_now) -> None:
        self._together = Windows(_TOGETHER, url=url, clock=clock)
        self._address = Windows(_ADDRESS, url=url, clock=clock)
        self._account = Windows(_ACCOUNT, url=url, clock=clock)

    def admit(self, scope: Scope, account: str = "") -> None:
        """Count a try.

        Raises
        ------
        RateLimited

        """
        address = network_of(scope)
        _take(self._address, f"attempts:address:{address}")
        if account:
            kept = hashlib.sha256(account.strip().casefold().encode("utf-8", "replace"))
            name = kept.hexdigest()[:32]
            _take(self._together, f"attempts:together:{address}:{name}")
            _take(self._account, f"attempts:account:{name}")


def _take(windows: Windows, name: str) -> None:
    allowance = windows.take(name)
    if not allowance.admitted:
        raise RateLimited(allowance.wait_s)
