"""What the official clients make of jobs that end badly and of a server that fails."""

import pytest
import stemsplit_python
from stemsplit_python import StemSplit

from support.stemsplit_clients import NODE, Node, NodeError

FILE = {"sourceUrl": "https://files.example/song.mp3"}
STEMS = ("vocals", "instrumental")


@pytest.fixture
def python(address, key):
    with StemSplit(api_key=key, base_url=f"{address}/api/v1/", max_retries=0) as client:
        yield client


@pytest.fixture
def node(address, key):
    if not (NODE / "node_modules").is_dir():
        pytest.skip("the Node clients are not installed; make test does it where npm is")
    return Node(f"{address}/api/v1/", key)


@pytest.fixture
def cancelled(api, bench):
    job_id = api.post("/jobs", json=FILE).json()["id"]
    bench.jobs.cancel(job_id)
    return job_id


@pytest.fixture
def expired(api, bench):
    job_id = api.post("/jobs", json=FILE).json()["id"]
    bench.complete(job_id, STEMS)
    bench.expire()
    return job_id


@pytest.fixture
def broken(bench, monkeypatch):
    def fail(*_):
        raise RuntimeError("a defect")

    monkeypatch.setattr(type(bench.jobs), "page", fail)


def thrown(node, scenario, **given):
    with pytest.raises(NodeError) as caught:
        node(scenario, maxRetries=0, **given)
    return caught.value.told


def test_python_raises_for_a_cancelled_job(python, cancelled):
    with pytest.raises(stemsplit_python.JobFailedError) as caught:
        python.jobs.get(cancelled).wait()
    assert "cancelled" in caught.value.error_message


def test_python_raises_for_an_expired_job(python, expired):
    with pytest.raises(stemsplit_python.JobExpiredError):
        python.jobs.get(expired).wait()


def test_python_raises_for_a_defect(python, broken):
    with pytest.raises(stemsplit_python.InternalServerError) as caught:
        python.jobs.list()
    assert caught.value.code == "INTERNAL_ERROR"


def test_python_raises_when_its_time_is_over(python, api):
    job = python.jobs.get(api.post("/jobs", json=FILE).json()["id"])
    with pytest.raises(TimeoutError):
        job.wait(timeout=0.01, poll_interval=0.01)


def test_node_throws_for_a_cancelled_job(node, cancelled, tmp_path):
    told = thrown(node, "wait", id=cancelled, folder=tmp_path)

    assert told["name"] == "JobFailedError"
    assert "cancelled" in told["errorMessage"]


def test_node_throws_for_an_expired_job(node, expired, tmp_path):
    assert thrown(node, "wait", id=expired, folder=tmp_path)["name"] == "JobExpiredError"


def test_node_throws_for_a_defect(node, broken):
    assert thrown(node, "list", query={})["name"] == "InternalServerError"


def test_node_reads_what_is_left_of_a_completed_job(node, api, bench, tmp_path):
    job_id = api.post("/jobs", json=FILE).json()["id"]
    bench.complete(job_id, STEMS)

    assert set(node("wait", id=job_id, folder=tmp_path)["files"]) == set(STEMS)
