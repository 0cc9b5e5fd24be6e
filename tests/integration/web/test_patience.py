"""Clients that open a connection and then neither speak nor listen, on a real socket."""

import select
import socket
import time
from contextlib import contextmanager, suppress

import pytest
from starlette.responses import PlainTextResponse

from stemwright.web.bodies import BodyLimit
from stemwright.web.patience import PatientProtocol, allow_many_connections
from support.live_server import AppServer

HEAD_S, SILENCE_S, LARGE = 0.4, 0.4, 64 << 20
LONG_S = 20.0


class Impatient(PatientProtocol):
    head_s = HEAD_S
    silence_s = SILENCE_S


async def app(scope, receive, send):
    """Answers with what came, or, at /large, with more than any buffer holds."""
    if scope["path"] == "/large":
        await PlainTextResponse(b"x" * LARGE)(scope, receive, send)
        return
    body, more = b"", scope["method"] == "POST"
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await PlainTextResponse(body or b"well")(scope, receive, send)


def refused(_scope, error):
    return PlainTextResponse(error.code, error.http_status)


@pytest.fixture(scope="module")
def server():
    bounded = BodyLimit(app, render=refused, most_bytes=1000, most_s=HEAD_S)
    with AppServer(bounded, http=Impatient, ws="none", lifespan="off") as server:
        yield server


@contextmanager
def connection(server, *sent):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=LONG_S) as open_one:
        for piece in sent:
            open_one.sendall(piece)
        yield open_one


def hung_up(connection):
    """Whether the other end closes, whichever way, with nothing said before."""
    return said_before_hanging_up(connection) == b""


def said_before_hanging_up(connection):
    said = bytearray()
    with suppress(ConnectionResetError):
        while piece := connection.recv(1 << 20):
            said += piece
    return bytes(said)


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: "])
def test_a_connection_on_which_no_request_comes_is_closed(server, said):
    with connection(server, said) as silent:
        assert hung_up(silent)


def test_a_head_that_comes_a_byte_at_a_time_gets_no_more_time_than_another(server):
    with connection(server, b"GET / HTTP/1.1\r\nHost: x\r\nX: ") as slow:
        begun = time.monotonic()
        while not select.select([slow], [], [], HEAD_S / 10)[0]:
            slow.sendall(b"a")

        assert hung_up(slow)
        assert time.monotonic() - begun < LONG_S


def test_a_second_request_has_to_be_as_quick_as_the_first(server):
    with connection(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") as kept:
        while not kept.recv(1000).endswith(b"well"):
            pass
        kept.sendall(b"GET / HTT")

        assert hung_up(kept)


@pytest.mark.parametrize(
    "head", [b"Content-Length: 500\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"]
)
def test_a_body_that_stops_coming_is_answered_and_no_longer_waited_for(server, head):
    with connection(server, b"POST / HTTP/1.1\r\nHost: x\r\n" + head) as stalled:
        answer = said_before_hanging_up(stalled)

    assert answer.startswith(b"HTTP/1.1 408")
    assert answer.endswith(b"request.too_slow")


def test_an_answer_that_nobody_takes_is_given_up(server):
    with connection(server, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n") as deaf:
        select.select([], [], [], 4 * SILENCE_S)  # as long as it may take, and more

        assert len(said_before_hanging_up(deaf)) < LARGE


def test_whoever_reads_slowly_gets_all_of_it(server):
    with connection(server, b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as slow:
        taken, begun = 0, time.monotonic()
        while piece := slow.recv(1 << 20):
            taken += len(piece)
            if time.monotonic() - begun < 3 * SILENCE_S:
                select.select([], [], [], SILENCE_S / 10)

        assert taken > LARGE


def test_the_limit_of_open_files_is_never_lowered():
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    allow_many_connections()
    after = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)

    assert after[0] >= min(before[0], before[1])
    assert after[1] == before[1]
