"""Requests with a body, a short reply and one limit on their time."""

import time

import pytest

from stemwright.errors import AddressRefused, Cancelled, RemoteUnreachable
from stemwright.web.addresses import AddressPolicy
from stemwright.web.client import GuardedClient
from support.odd_server import OddServer, dripping, endless, status, whole

CLIENT = GuardedClient(AddressPolicy.parse(("127.0.0.0/8",)))


@pytest.fixture
def server():
    with OddServer() as odd:
        yield odd


def test_method_headers_and_body_arrive_and_the_reply_comes_back(server):
    heard = []

    def listen(request):
        heard.append(request.rfile.read(int(request.headers["Content-Length"])))
        whole(b'{"ok": 1}', X_Note="yes")(request)

    server.routes["/hook"] = listen
    answer = CLIENT.send("POST", server.url("/hook"), headers={"X-Event": "e"}, content=b"body")
    assert (answer.status, answer.body, answer.truncated) == (200, b'{"ok": 1}', False)
    assert answer.headers["x-note"] == "yes"
    assert heard == [b"body"]
    method, _, headers = server.requests[0]
    assert (method, headers["X-Event"], headers["Host"]) == (
        "POST",
        "e",
        f"127.0.0.1:{server.port}",
    )


def test_a_body_in_pieces_is_sent_under_its_stated_length(server):
    heard = []

    def listen(request):
        heard.append(request.rfile.read(int(request.headers["Content-Length"])))
        whole(b"")(request)

    server.routes["/song"] = listen
    pieces = (b"la " * 1000 for _ in range(100))
    length = {"Content-Length": "300000"}
    CLIENT.send("POST", server.url("/song"), headers=length, content=pieces)
    assert heard == [b"la " * 100_000]
    assert "Transfer-Encoding" not in server.requests[0][2]


def test_what_goes_wrong_in_a_body_in_pieces_comes_out(server):
    def pieces():
        yield b"la"
        raise Cancelled("enough")

    server.routes["/song"] = lambda request: request.rfile.read(4)
    with pytest.raises(Cancelled):
        CLIENT.send("POST", server.url("/song"), headers={"Content-Length": "4"}, content=pieces())


def test_a_redirect_is_an_answer_and_is_not_followed(server):
    server.routes["/moved"] = status(302, Location="/elsewhere")
    answer = CLIENT.send("POST", server.url("/moved"))
    assert (answer.status, answer.headers["location"]) == (302, "/elsewhere")
    assert len(server.requests) == 1


def test_no_more_of_a_reply_is_read_than_was_asked_for(server):
    server.routes["/"] = endless(b"x" * 4096)
    answer = CLIENT.send("GET", server.url("/"), max_reply_bytes=1000)
    assert (answer.body, answer.truncated) == (b"x" * 1000, True)


def test_a_reply_in_drips_is_given_up_when_the_whole_takes_too_long(server):
    server.routes["/"] = dripping(b"x" * 1000, 0.05)
    begun = time.monotonic()
    with pytest.raises(RemoteUnreachable, match="in time"):
        CLIENT.send("GET", server.url("/"), timeout=0.3)
    assert time.monotonic() - begun < 2


def test_headers_in_drips_are_given_up_as_well(server):
    def drip(request):
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while request.paused(0.05):
            request.body(b"X-More: x\r\n")

    server.routes["/"] = drip
    with pytest.raises(RemoteUnreachable, match="in time"):
        CLIENT.send("GET", server.url("/"), timeout=0.3)


def test_a_name_server_that_sleeps_is_given_up():
    client = GuardedClient(resolve=lambda *_: time.sleep(2) or [])
    begun = time.monotonic()
    with pytest.raises(RemoteUnreachable, match="in time"):
        client.send("GET", "http://slow.example/", timeout=0.2)
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://localhost/",
        "http://example.com:8080/",
        "ftp://example.com/",
        "http://a:b@example.com/",
    ],
)
def test_what_an_address_shows_of_itself_is_refused_without_a_lookup(url):
    client = GuardedClient(resolve=lambda *_: pytest.fail("looked up"))
    with pytest.raises(AddressRefused):
        client.check(url)
    GuardedClient().check("https://example.com/hook")


def test_a_trusted_address_may_be_private(server):
    server.routes["/"] = whole(b"")
    with pytest.raises(AddressRefused):
        GuardedClient().send("GET", server.url("/"))
    assert GuardedClient().send("GET", server.url("/"), trusted=True).status == 200
