"""Who may open a socket, over real ones."""

import base64
import socket

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from support.realtime import Host


@pytest.fixture
def host(tmp_path):
    with Host(f"sqlite:///{tmp_path / 'test.sqlite3'}") as host:
        yield host


@pytest.fixture
def ann(host):
    """Ann's id and key."""
    return host.new_key()


def refused(host, key, **options):
    with pytest.raises(InvalidStatus) as caught:
        host.connect(key, **options)
    return caught.value.response


@pytest.mark.parametrize("key", [None, "sk_live_" + "x" * 40, "nonsense"])
def test_without_a_good_key_there_is_no_upgrade(host, key):
    answer = refused(host, key)

    assert (answer.status_code, answer.body) == (403, b"")


@pytest.mark.parametrize("vsn", ["3.0.0", "2", "x"])
def test_an_unknown_version_is_no_upgrade(host, ann, vsn):
    answer = refused(host, ann[1], vsn=vsn)

    assert (answer.status_code, answer.body) == (403, b"")


def test_a_key_comes_as_header_or_subprotocol_as_well(host, ann):
    key = ann[1]
    encoded = base64.b64encode(key.encode()).decode().rstrip("=")
    token = f"base64url.bearer.phx.{encoded}"
    with host.connect(None, additional_headers={"Authorization": f"Bearer {key}"}) as client:
        assert client.connection.subprotocol is None
    with host.connect(None, subprotocols=["phoenix", token]) as client:
        assert client.connection.subprotocol == "phoenix"


def test_a_foreign_page_is_no_upgrade(host, ann):
    answer = refused(host, ann[1], origin="https://evil.example")
    host.connect(ann[1], origin="https://app.example").connection.close()

    assert answer.status_code == 403


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_without_an_upgrade_there_is_nothing(host, method):
    with host.server.client() as client:
        assert client.request(method, "/socket/websocket").status_code == 400
        assert client.get("/socket/longpoll").status_code == 404


def test_an_upgrade_is_asked_for_with_get(host):
    head = (
        "POST /socket/websocket HTTP/1.1\r\nHost: x\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    url = httpx.URL(host.server.url)
    with socket.create_connection((url.host, url.port)) as raw:
        raw.sendall(head.encode())

        assert raw.recv(100).startswith(b"HTTP/1.1 400")


def test_jobs_without_an_owner_are_anybodys_if_anybody_is_let_in(tmp_path):
    with Host(f"sqlite:///{tmp_path / 'test.sqlite3'}", allow_anonymous=True) as host:
        own, foreign = host.new_job(""), host.new_job("usr_bob")
        with host.connect(None) as client:
            client.join(own.id)
            client.hear()
            client.push(f"jobs:{foreign.id}", "phx_join")

            assert client.hear()[4]["response"] == {"reason": "unauthorized"}
