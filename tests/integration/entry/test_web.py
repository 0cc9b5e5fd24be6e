"""The whole HTTP face, as it is composed: every part is there, behind one edge."""

from __future__ import annotations

import pytest

from stemwright.entry.composition import compose
from stemwright.entry.web import create_app
from stemwright.settings import Settings
from support.live_server import AppServer
from support.songs import write_song


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    environ = {
        "HOME": str(folder),
        "STEMWRIGHT_DATA_DIR": str(folder / "data"),
        "STEMWRIGHT_RATE_LIMIT_PER_MINUTE": "20",
        "STEMWRIGHT_MAX_UPLOAD_MB": "1",
    }
    service = compose(Settings.load(environ))
    yield service
    service.close()


@pytest.fixture(scope="module")
def server(service):
    with AppServer(create_app(service), lifespan="off") as server:
        yield server


@pytest.fixture
def key(service):
    owner = service.accounts.ensure_default_user().id
    return service.accounts.create_key(owner, "test")[1]


@pytest.fixture
def client(server, key):
    with server.client(headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


def test_health_is_told_to_anybody_and_counted_for_nobody(server):
    with server.client() as client:
        for _ in range(30):
            answer = client.get("/health")
            assert answer.json()["status"] == "ok"
            assert "x-ratelimit-limit" not in answer.headers


def test_a_path_that_is_nothing_is_an_error_in_the_words_of_the_api_it_is_near(client):
    of_stemsplit = client.get("/api/v1/nothing")
    of_forge = client.get("/api/nothing")

    assert (of_stemsplit.status_code, of_forge.status_code) == (404, 404)
    assert of_stemsplit.json()["error"]["code"] == "NOT_FOUND"
    assert of_forge.json()["code"] == "not_found"


def test_without_a_key_nothing_is_told_and_the_request_has_an_id(server):
    with server.client() as client:
        answer = client.get("/api/v1/balance")

    assert answer.status_code == 401
    assert answer.headers["X-Request-Id"]
    assert "server" not in answer.headers


def test_more_requests_than_a_key_has_are_refused_until_later(client):
    answers = [client.get("/api/v1/balance") for _ in range(21)]

    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert client.get("/health").is_success


def test_a_file_goes_up_and_comes_back_and_a_larger_one_is_refused(client, service, tmp_path):
    song = write_song(tmp_path / "song.flac", 1.0)
    ticket = client.post("/api/v1/upload", json={"filename": song.name}).json()

    assert client.put(ticket["uploadUrl"], content=song.read_bytes()).status_code == 200
    assert client.put(ticket["uploadUrl"], content=bytes(2 << 20)).status_code == 413

    [stored] = [
        it.key for it in service.storage.list("uploads") if ticket["uploadKey"][:24] in it.key
    ]
    assert b"".join(service.storage.read(stored)) == song.read_bytes()


def test_metrics_are_for_this_machine(client):
    text = client.get("/metrics").text

    assert "stemwright_info" in text
    assert "stemwright_jobs_oldest_seconds" in text
