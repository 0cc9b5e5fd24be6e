"""What clients are told while the database is away."""

import pytest
from sqlalchemy import text

from support.live_server import AppServer
from support.stemsplit_app import StemSplitBench, client


@pytest.fixture
def bench(tmp_path):
    made = StemSplitBench(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(("method", "path"), [("GET", "/jobs"), ("POST", "/upload")])
def test_a_database_that_fails_is_a_503_that_tells_nothing_of_it(bench, method, path):
    key = bench.key()
    with bench.database.transaction() as session:
        for table in ("jobs", "uploads"):
            session.execute(text(f"ALTER TABLE {table} RENAME TO {table}_elsewhere"))

    with AppServer(bench.app, lifespan="off") as server, client(server.url, key) as api:
        answer = api.request(method, path, json={"filename": "song.mp3"})

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert not {"sql", "table", "jobs", "elsewhere"} & set(answer.text.lower().split())
