"""The one client for outgoing requests: it decides the address, and nobody talks it out of that.

Each hop of a request is resolved once, every address it resolves to is checked, and the
connection is made to a checked address while TLS and the Host header keep the name. Through a
proxy the proxy resolves, so there only what is written in the URL can be checked.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final
from urllib.request import getproxies_environment, proxy_bypass

import httpx

from stemwright.errors import AddressRefused, RemoteUnreachable

from .addresses import Address, AddressPolicy, parse_address

Resolve = Callable[[str, int], list[str]]
"""``resolve(host, port)``: addresses in order of preference."""

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MOST_ADDRESSES = 4
# what is about the transfer and not about who asks; anything else stays with the first host
_FOR_EVERY_HOST: Final = frozenset({"accept", "accept-encoding", "if-range", "range", "user-agent"})


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a request may take and how far it may lead."""

    connect_s: float = 5.0
    idle_s: float = 30.0
    """Longest silence of the other side."""
    redirects: int = 5
    total_s: float = 6 * 3600
    """From the first byte asked to the last one read; ends a slow drip."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of the last hop; its body is read once."""

    status: int
    reason: str
    headers: Mapping[str, str]
    """Names in lower case."""
    url: str
    _response: httpx.Response
    _deadline: float

    def blocks(self) -> Iterator[bytes]:
        """Read the body as sent, undecoded, as it arrives."""
        # without a size: the library would keep a block it could not fill when the line breaks
        for block in self._response.iter_raw():
            yield block
            if time.monotonic() > self._deadline:
                raise RemoteUnreachable(f"{self.url}: too slow, not done in time")


class GuardedClient:
    """GET requests to places that the policy admits."""

    def __init__(
        self,
        policy: AddressPolicy | None = None,
        *,
        limits: Limits | None = None,
        proxies: Mapping[str, str] | None = None,
        ca_file: Path | None = None,
        resolve: Resolve | None = None,
        user_agent: str = "stemwright",
    ) -> None:
        self._policy = policy or AddressPolicy()
        self._limits = limits or Limits()
        self._proxies = dict(proxies or {})
        self._ca_file = ca_file
        self._resolve = resolve or resolve_host
        self._user_agent = user_agent

    @contextmanager
    def stream(
        self, url: str, *, headers: Mapping[str, str] | None = None, trusted: bool = False
    ) -> Iterator[Reply]:
        """Open a GET and follow it to its last hop.

        ``trusted`` admits any address of the host and port that ``url`` names, for what the
        operator configured; a redirect elsewhere is checked like any other.
        """
        current = first = _parsed(url)
        deadline = time.monotonic() + self._limits.total_s
        wanted = {**self._own_headers(), **(headers or {})}
        for _ in range(self._limits.redirects + 1):
            at_home = _origin(current) == _origin(first)
            policy = AddressPolicy.anywhere() if trusted and at_home else self._policy
            with self._send(current, wanted, policy) as response:
                if response.status_code not in _REDIRECTS:
                    yield _reply(response, current, deadline)
                    return
                following = _next_hop(current, response)
            if _origin(following) != _origin(current):
                wanted = {k: v for k, v in wanted.items() if k.lower() in _FOR_EVERY_HOST}
            current = following
        raise RemoteUnreachable(f"{_shown(first)}: more than {self._limits.redirects} redirects")

    @contextmanager
    def _send(
        self, url: httpx.URL, headers: Mapping[str, str], policy: AddressPolicy
    ) -> Iterator[httpx.Response]:
        _check_form(url, policy)
        transport = self._transport(url, policy)
        with (
            _translated(url),
            # the environment was read by whoever made us: no proxies, no .netrc from here on
            httpx.Client(transport=transport, trust_env=False, timeout=self._timeout()) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            yield response

    def _transport(self, url: httpx.URL, policy: AddressPolicy) -> httpx.BaseTransport:
        tls, proxy = tls_context(self._ca_file), self._proxy_for(url)
        if proxy is not None:
            _check_literal(url, policy)
            return httpx.HTTPTransport(verify=tls, proxy=proxy)
        return _PinnedTransport(httpx.HTTPTransport(verify=tls), self._resolve, policy)

    def _proxy_for(self, url: httpx.URL) -> str | None:
        proxy = self._proxies.get(url.scheme)
        bypassed = proxy_bypass(f"{url.host}:{_port(url)}", self._proxies)
        return None if bypassed else proxy

    def _timeout(self) -> httpx.Timeout:
        return httpx.Timeout(self._limits.idle_s, connect=self._limits.connect_s)

    def _own_headers(self) -> dict[str, str]:
        return {"User-Agent": self._user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}


class _PinnedTransport(httpx.BaseTransport):
    """Connects to addresses it has checked, so that a second DNS answer changes nothing.

    Serves one request: a connection is never shared between names on one address.
    """

    def __init__(
        self, connect: httpx.HTTPTransport, resolve: Resolve, policy: AddressPolicy
    ) -> None:
        self._connect = connect
        self._resolve = resolve
        self._policy = policy

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host
        addresses = self._checked_addresses(request.url)
        request.extensions = {**request.extensions, "sni_hostname": name}
        for address in addresses[:-1]:
            try:
                return self._via(request, address)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return self._via(request, addresses[-1])

    def close(self) -> None:
        self._connect.close()

    def _via(self, request: httpx.Request, address: Address) -> httpx.Response:
        # the Host header was set from the name when the request was built
        request.url = request.url.copy_with(host=str(address))
        return self._connect.handle_request(request)

    def _checked_addresses(self, url: httpx.URL) -> list[Address]:
        try:
            answers = self._resolve(url.host, _port(url))
        except (OSError, UnicodeError) as error:
            raise RemoteUnreachable(f"the name {url.host} cannot be resolved") from error
        addresses = [parse_address(answer) for answer in dict.fromkeys(answers)]
        # one forbidden answer among good ones is how rebinding looks
        if not addresses or not all(self._policy.admits(address) for address in addresses):
            raise AddressRefused(_refusal(url))
        return addresses[:_MOST_ADDRESSES]


def resolve_host(host: str, port: int) -> list[str]:
    """Ask the system's resolver for IPv4 and IPv6 addresses, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def environment_proxies() -> dict[str, str]:
    """``{"https": url, "no": hosts, …}`` from HTTPS_PROXY, NO_PROXY and their kin."""
    found = getproxies_environment()
    everything = found.get("all")
    if everything:
        found = {"http": everything, "https": everything, **found}
    return found


@cache
def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Trust the bundled authorities, the system's (SSL_CERT_FILE, SSL_CERT_DIR), and one file."""
    context = httpx.create_ssl_context()
    context.load_default_certs()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


@contextmanager
def _translated(url: httpx.URL) -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise RemoteUnreachable(f"{_shown(url)}: no answer in time") from error
    except httpx.HTTPError as error:
        raise RemoteUnreachable(f"{_shown(url)}: {error}") from error


def _reply(response: httpx.Response, url: httpx.URL, deadline: float) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    reason = response.reason_phrase
    return Reply(response.status_code, reason, headers, _shown(url), response, deadline)


def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise AddressRefused(f"{url!r} is not an address: {error}") from error


def _next_hop(current: httpx.URL, response: httpx.Response) -> httpx.URL:
    target = response.headers.get("location")
    if not target:
        raise RemoteUnreachable(f"{_shown(current)}: a redirect to nowhere")
    following = current.join(_parsed(target))
    if current.scheme == "https" and following.scheme != "https":
        raise AddressRefused(f"{_shown(current)} redirects from https to {following.scheme}")
    return following


def _check_form(url: httpx.URL, policy: AddressPolicy) -> None:
    if url.scheme not in _DEFAULT_PORTS or not url.host:
        raise AddressRefused(f"{_shown(url)} is not an http or https address")
    if url.userinfo:
        raise AddressRefused(f"{_shown(url)}: user names in addresses are not accepted")
    if not policy.admits_port(_port(url)):
        raise AddressRefused(_refusal(url))


def _check_literal(url: httpx.URL, policy: AddressPolicy) -> None:
    """Check an address written as one; the name ``localhost`` and forms like 0x7f.1 count too."""
    try:
        addresses = [parse_address(url.host)]
    except ValueError:
        addresses = _written_oddly(url.host)
    if not all(policy.admits(address) for address in addresses):
        raise AddressRefused(_refusal(url))


def _written_oddly(host: str) -> list[Address]:
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return [parse_address("127.0.0.1")]
    try:
        return [parse_address(socket.inet_ntoa(socket.inet_aton(host)))]
    except OSError:
        return []


def _refusal(url: httpx.URL) -> str:
    # never the address found: that would make this a scanner for somebody else's network
    return (
        f"{_shown(url)} is not on the open internet; STEMWRIGHT_ALLOW_PRIVATE_NETWORKS can admit it"
    )


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, _port(url)


def _port(url: httpx.URL) -> int:
    return url.port or _DEFAULT_PORTS.get(url.scheme, 0)


def _shown(url: httpx.URL) -> str:
    """Drop the query: signed links carry their secret there."""
    return str(url.copy_with(query=None, fragment=None, userinfo=b""))
