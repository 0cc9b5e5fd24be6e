"""The one client for outgoing requests: it decides the address, and nobody talks it out of that.

Each hop of a request is resolved once, every address it resolves to is checked, and the
connection is made to a checked address while TLS and the Host header keep the name. Through a
proxy the proxy resolves, so there only what is written in the URL can be checked.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final
from urllib.request import getproxies_environment, proxy_bypass

import httpx

from stemwright.errors import AddressRefused, NameUnresolved, RemoteUnreachable

from .addresses import Address, AddressPolicy, parse_address
from .connections import FAILURES, TIMEOUTS, Deadline, Transport

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
class Answer:
    """A whole answer, or its beginning."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """As sent, undecoded."""
    truncated: bool
    """The body goes on after what was read of it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of the last hop; its body is read once."""

    status: int
    reason: str
    headers: Mapping[str, str]
    """Names in lower case."""
    url: str
    _response: httpx.Response
    _deadline: Deadline

    def blocks(self) -> Iterator[bytes]:
        """Read the body as sent, undecoded, as it arrives."""
        # without a size: the library would keep a block it could not fill when the line breaks
        for block in self._response.iter_raw():
            yield block
            if self._deadline.left() < 0:
                raise RemoteUnreachable(f"{self.url}: too slow, not done in time")


class GuardedClient:
    """Requests to places that the policy admits."""

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

    def check(self, url: str) -> None:
        """Refuse what can be refused without asking a name server: scheme, port, literal address.

        Raises
        ------
        AddressRefused
            For that reason alone; a name may still turn out to lead nowhere, or inside.

        """
        parsed = _parsed(url)
        _check_form(parsed, self._policy)
        _check_literal(parsed, self._policy)

    def check_name(self, url: str, timeout: float = 5.0) -> None:
        """Refuse also a name that is unknown now, or that leads inside.

        A proxy finds names itself, so through one this is :meth:`check`.

        Raises
        ------
        AddressRefused, RemoteUnreachable

        """
        self.check(url)
        parsed = _parsed(url)
        if self._proxy_for(parsed) is None:
            with _translated(parsed):
                Deadline(timeout).within(partial(self._checked_addresses, parsed, self._policy))

    @contextmanager
    def stream(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        trusted: bool = False,
        total_s: float | None = None,
    ) -> Iterator[Reply]:
        """Open a GET and follow it to its last hop.

        ``trusted`` admits any address of the host and port that ``url`` names, for what the
        operator configured; a redirect elsewhere is checked like any other. ``total_s`` overrides
        the limit of that name.
        """
        current = first = _parsed(url)
        deadline = Deadline(self._limits.total_s if total_s is None else total_s)
        wanted = {**self._own_headers(), **(headers or {})}
        for _ in range(self._limits.redirects + 1):
            at_home = _origin(current) == _origin(first)
            policy = AddressPolicy.anywhere() if trusted and at_home else self._policy
            request = httpx.Request("GET", current, headers=wanted)
            with self._sent(request, policy, deadline) as response:
                if response.status_code not in _REDIRECTS:
                    yield _reply(response, current, deadline)
                    return
                following = _next_hop(current, response)
            if _origin(following) != _origin(current):
                wanted = {k: v for k, v in wanted.items() if k.lower() in _FOR_EVERY_HOST}
            current = following
        raise RemoteUnreachable(f"{_shown(first)}: more than {self._limits.redirects} redirects")

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | Iterable[bytes] | None = None,
        timeout: float = 10.0,
        max_reply_bytes: int = 64 << 10,
        trusted: bool = False,
    ) -> Answer:
        """Send one request and read the beginning of its answer, in ``timeout`` seconds in all.

        A redirect is an answer like any other and is not followed. Content in pieces is sent as it
        comes, under the Content-Length among ``headers``; what it raises comes out here.

        Raises
        ------
        AddressRefused, RemoteUnreachable
            The policy forbids it, or no answer came in time; any status is an answer.

        """
        target = _parsed(url)
        policy = AddressPolicy.anywhere() if trusted else self._policy
        asked = {**self._own_headers(), **(headers or {})}
        request = httpx.Request(method, target, headers=asked, content=content)
        with self._sent(request, policy, Deadline(timeout)) as response:
            body = _beginning(response, max_reply_bytes + 1)
        return Answer(
            response.status_code,
            _lower_case(response.headers),
            body[:max_reply_bytes],
            truncated=len(body) > max_reply_bytes,
        )

    @contextmanager
    def _sent(
        self, request: httpx.Request, policy: AddressPolicy, deadline: Deadline
    ) -> Iterator[httpx.Response]:
        _check_form(request.url, policy)
        request.extensions["timeout"] = self._timeout()
        # without httpx.Client: it would log whole addresses, signatures included
        with _translated(request.url), self._transport(request.url, policy, deadline) as transport:
            response = transport.handle_request(request)
            try:
                yield response
            finally:
                response.close()

    def _transport(self, url: httpx.URL, policy: AddressPolicy, deadline: Deadline) -> Transport:
        tls, proxy = tls_context(self._ca_file), self._proxy_for(url)
        if proxy is not None:
            _check_literal(url, policy)
            return Transport(tls, deadline, find=None, proxy=proxy)

        find = partial(self._checked_addresses, url, policy)
        return Transport(tls, deadline, find=find, proxy=None)

    def _checked_addresses(self, url: httpx.URL, policy: AddressPolicy) -> list[Address]:
        try:
            answers = self._resolve(url.host, _port(url))
        except (OSError, UnicodeError) as error:
            raise NameUnresolved(f"the name {url.host} cannot be resolved") from error
        addresses = [parse_address(answer) for answer in dict.fromkeys(answers)]
        # one forbidden answer among good ones is how rebinding looks
        if not addresses or not all(policy.admits(address) for address in addresses):
            raise AddressRefused(_refusal(url))
        return addresses[:_MOST_ADDRESSES]

    def _proxy_for(self, url: httpx.URL) -> str | None:
        proxy = self._proxies.get(url.scheme)
        bypassed = proxy_bypass(f"{url.host}:{_port(url)}", self._proxies)
        return None if bypassed else proxy

    def _timeout(self) -> dict[str, float | None]:
        return httpx.Timeout(self._limits.idle_s, connect=self._limits.connect_s).as_dict()

    def _own_headers(self) -> dict[str, str]:
        return {"User-Agent": self._user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}


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
    except TIMEOUTS as error:
        raise RemoteUnreachable(f"{_shown(url)}: no answer in time") from error
    except FAILURES as error:
        raise RemoteUnreachable(f"{_shown(url)}: {error}") from error


def _reply(response: httpx.Response, url: httpx.URL, deadline: Deadline) -> Reply:
    headers, reason = _lower_case(response.headers), response.reason_phrase
    return Reply(response.status_code, reason, headers, _shown(url), response, deadline)


def _lower_case(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _beginning(response: httpx.Response, most: int) -> bytes:
    body = bytearray()
    for block in response.iter_raw():
        body += block[: most - len(body)]
        if len(body) >= most:
            break
    return bytes(body)


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
        _ = parsed.host  # decoded only now; an ill-formed xn-- label shows here
    except (httpx.InvalidURL, TypeError, UnicodeError) as error:
        raise AddressRefused(f"{url!r} is not an address: {error}") from error
    return parsed


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
