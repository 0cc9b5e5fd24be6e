"""Work in a thread for a client that may leave."""

import socket
import threading

import pytest
from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from stemwright.errors import Cancelled, StorageFull
from stemwright.web.waiting import while_connected
from support.live_server import AppServer, wait_until


class Site:
    def __init__(self, work):
        self.work = work
        self.ended = []
        self.limiter = CapacityLimiter(1)
        self.server = AppServer(Starlette(routes=[Route("/", self.get)]))

    async def get(self, request):
        try:
            said = await while_connected(request, self.work, self.limiter)
        except (Cancelled, StorageFull) as error:
            self.ended.append(error)
            said = type(error).__name__
        return PlainTextResponse(said)


def test_the_answer_is_what_the_work_returns():
    site = Site(lambda stopped: f"stopped: {stopped()}")
    with site.server as server, server.client() as client:
        assert client.get("/").text == "stopped: False"


def test_what_the_work_raises_is_raised_as_it_is():
    def fail(_stopped):
        raise StorageFull("full") from KeyError("cause")

    site = Site(fail)
    with site.server as server, server.client() as client:
        assert client.get("/").text == "StorageFull"
    assert isinstance(site.ended[0].__cause__, KeyError)


@pytest.mark.parametrize("waiting", [1, 2])
def test_the_work_is_told_that_the_client_left_or_is_never_begun(waiting):
    begun = threading.Semaphore(0)

    def work(stopped):
        begun.release()
        wait_until(stopped, "the client to leave")
        raise Cancelled("stopped")

    site = Site(work)
    with site.server as server:
        clients = [_asking(server.url) for _ in range(waiting)]
        assert begun.acquire(timeout=30)
        for client in clients:
            client.close()
        wait_until(lambda: len(site.ended) == waiting, "both to end")
    assert all(isinstance(error, Cancelled) for error in site.ended)


def _asking(url):
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    return connection
