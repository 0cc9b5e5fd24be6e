"""Connections that keep to one deadline, below the HTTP library.

The library bounds each single read; a server that sends a byte at a time can stretch that for
ever. Here every operation gets what is left of the whole, whichever it is.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import httpcore
import httpx

from .addresses import Address

Result = TypeVar("Result")

Find = Callable[[], list[Address]]
"""The addresses to try in turn; raises what refuses them."""

FAILURES = (
    httpx.HTTPError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
)
TIMEOUTS = (httpx.TimeoutException, httpcore.TimeoutException)


class Deadline:
    """A moment after which nothing is waited for."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        return self._at - time.monotonic()

    def capped(self, seconds: float | None) -> float:
        """Shorten one operation's patience to what is left; raises when nothing is."""
        left = self.left()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for the whole is over")
        return left if seconds is None else min(seconds, left)

    def within(self, work: Callable[[], Result]) -> Result:
        return _finished(work, self.capped(None))


class Transport(httpx.BaseTransport):
    """Serves one request: a connection is never shared between names on one address.

    With ``find`` the connection goes to one of the addresses it returns, while TLS and the Host
    header keep the name; with a proxy, the proxy does the finding.
    """

    def __init__(
        self, tls: ssl.SSLContext, deadline: Deadline, *, find: Find | None, proxy: str | None
    ) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls,
            proxy=_proxy(proxy) if proxy else None,
            network_backend=_Backend(deadline, find),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        assert isinstance(answer.stream, Iterable)
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        assert isinstance(self._answer.stream, Iterable)
        yield from self._answer.stream

    def close(self) -> None:
        self._answer.close()


class _Backend(httpcore.NetworkBackend):
    def __init__(self, deadline: Deadline, find: Find | None) -> None:
        self._deadline = deadline
        self._find = find
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        if self._find is None:
            return self._connected(host, port, timeout)
        *others, last = self._deadline.within(self._find)
        for address in others:
            try:
                return self._connected(str(address), port, timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connected(str(last), port, timeout)

    def _connected(self, host: str, port: int, timeout: float | None) -> httpcore.NetworkStream:
        stream = self._sockets.connect_tcp(host, port, self._deadline.capped(timeout))
        return _Stream(stream, self._deadline)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.capped(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.capped(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        patience = self._deadline.capped(timeout)
        secured = self._stream.start_tls(ssl_context, server_hostname, patience)
        return _Stream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - the library's own type
        return self._stream.get_extra_info(info)


def _proxy(url: str) -> httpcore.Proxy:
    proxy = httpx.Proxy(url)
    return httpcore.Proxy(str(proxy.url), auth=proxy.raw_auth)


def _finished(work: Callable[[], Result], seconds: float) -> Result:
    """Give up on a call that cannot be interrupted, as the system's resolver; it ends unheard."""
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
            failure.append(error)

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    worker.join(seconds)
    if failure:
        raise failure[0]
    if not outcome:
        raise httpcore.ConnectTimeout("the name server does not answer")
    return outcome[0]
