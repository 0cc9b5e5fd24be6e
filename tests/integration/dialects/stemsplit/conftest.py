"""One server for all, an account for each test."""

import pytest

from support.live_server import AppServer
from support.stemsplit_app import StemSplitBench, client


@pytest.fixture(scope="package")
def bench(tmp_path_factory):
    made = StemSplitBench(tmp_path_factory.mktemp("stemsplit"))
    yield made
    made.close()


@pytest.fixture(scope="package")
def address(bench):
    with AppServer(bench.app, lifespan="off") as server:
        yield server.url


@pytest.fixture
def key(bench):
    return bench.key()


@pytest.fixture
def api(address, key):
    with client(address, key) as api:
        yield api


@pytest.fixture
def upload(api):
    """Upload so many bytes and get the key; four are a second of song."""

    def put(content=b"song" * 90, name="song.mp3"):
        ticket = api.post("/upload", json={"filename": name}).json()
        sent = api.put(ticket["uploadUrl"], content=content, headers={"Authorization": ""})
        assert sent.status_code == 200
        return ticket["uploadKey"]

    return put
