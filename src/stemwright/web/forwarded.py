"""Who really asked, and under which address: what reverse proxies say, if they may say it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from stemwright.errors import OptionError

from .addresses import Address, Network, parse_address

_BASE: Final = "stemwright.base_url"
_HIDDEN: Final = "stemwright.client_hidden"
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")
_FORWARDING: Final = ("x-forwarded-for", "forwarded", "x-real-ip")
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


def parse_networks(words: Iterable[str], setting: str) -> tuple[Network, ...]:
    """Read addresses and networks; ``none`` is no network.

    Raises
    ------
    OptionError

    """
    try:
        return tuple(ip_network(word, strict=False) for word in words if word != "none")
    except ValueError as error:
        raise OptionError(
            f"{setting}: {error}. Use addresses or networks such as 10.0.0.0/8, with commas."
        ) from error


def client_address(scope: Scope) -> Address | None:
    """Address of the caller; none where the server does not know it, as on a Unix socket."""
    client = scope.get("client")
    return _address(client[0]) if client else None


def is_hidden(scope: Scope) -> bool:
    """Whether a proxy that nobody vouched for stands between the caller and us."""
    return bool(scope.get(_HIDDEN))


def base_url(scope: Scope) -> str:
    """Address under which this caller reaches the service, without a slash at its end."""
    known: str | None = scope.get(_BASE)
    return known if known is not None else _asked_base(scope)


class Forwarded:
    """Believes ``X-Forwarded-For``, ``-Proto`` and ``-Host`` of trusted proxies, and of no others.

    A header that several proxies extended is read from its right end, since a caller may have
    written the left one: the caller is the first address from the right that is no proxy of ours.
    The server's own handling of these headers must be off.
    """

    def __init__(
        self, app: ASGIApp, *, trusted: Iterable[Network] = (), public_url: str = ""
    ) -> None:
        self._app = app
        self._trusted = tuple(trusted)
        self._public_url = public_url.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "lifespan":
            self._believe(scope)
            scope[_BASE] = self._public_url or _asked_base(scope)
        await self._app(scope, receive, send)

    def _believe(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        peer = client_address(scope)
        if peer is None or not self._trusts(peer):
            scope[_HIDDEN] = any(name in headers for name in _FORWARDING)
            return
        self._take_client(scope, headers)
        if (scheme := _last(headers, "x-forwarded-proto").lower()) in {"http", "https"}:
            secure = scheme == "https"
            plain = scope["type"] == "http"
            scope["scheme"] = ("http" if plain else "ws") + ("s" if secure else "")
        if _HOST.fullmatch(host := _last(headers, "x-forwarded-host")):
            MutableHeaders(scope=scope)["host"] = host

    def _take_client(self, scope: Scope, headers: Headers) -> None:
        hops = [
            hop.strip() for line in headers.getlist("x-forwarded-for") for hop in line.split(",")
        ]
        for hop in reversed(hops):
            address = _address(hop)
            if address is None:
                scope[_HIDDEN] = True
                return
            scope["client"] = (str(address), 0)
            if not self._trusts(address):
                return

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _address(text: str) -> Address | None:
    """Read an address, with or without a port; IPv4 inside IPv6 is IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = parse_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _last(headers: Headers, name: str) -> str:
    values = headers.getlist(name)
    return values[-1].rpartition(",")[2].strip() if values else ""


def _asked_base(scope: Scope) -> str:
    host = Headers(scope=scope).get("host", "")
    if not _HOST.fullmatch(host):
        server = scope.get("server") or ("127.0.0.1", None)
        name = f"[{server[0]}]" if ":" in server[0] else server[0]
        host = f"{name}:{server[1]}" if server[1] else name
    return f"{_SCHEMES.get(scope.get('scheme', 'http'), 'http')}://{host}"
