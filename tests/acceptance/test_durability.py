"""A job that was accepted is finished and paid once, whichever process dies and whenever.

The points at which the server kills itself are in ``support/crashing.py``.
"""

from __future__ import annotations

import io
import json
import os
import signal
import time
from pathlib import Path

import pytest
import soundfile

from support import crashing
from support.live_server import Service, wait_until
from support.stem_jobs import StemJobs, attempts, short_song
from support.webhook_receiver import WebhookReceiver

pytestmark = [pytest.mark.model, pytest.mark.slow]

TESTS = Path(crashing.__file__).parents[1]
SECONDS = 6
GRANT = 100
SETTINGS = {
    "STEMWRIGHT_CREDITS": "metered",
    "STEMWRIGHT_CREDITS_GRANT_S": str(GRANT),
    "STEMWRIGHT_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
    "STEMWRIGHT_RATE_LIMIT_PER_MINUTE": "100000",
}


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    return short_song(tmp_path_factory.mktemp("song") / "song.wav", SECONDS)


@pytest.fixture
def receiver():
    with WebhookReceiver() as receiver:
        yield receiver


def crashing_service(tmp_path, point, **settings):
    environment = {
        **SETTINGS,
        **settings,
        "CRASH_AT": point,
        "CRASH_MARK": str(tmp_path / "crashed"),
        "PYTHONPATH": str(TESTS),
    }
    return Service(tmp_path / "data", environment, module="support.crashing")


def ordered(jobs, song, receiver):
    with jobs.client() as client:
        answer = client.post("/api/v1/webhooks", json={"url": receiver.url()})
        answer.raise_for_status()
    return jobs.create(jobs.upload(song))


def assert_whole(jobs, job, receiver):
    """Stems that are whole, credits paid once, the webhook delivered."""
    assert job["status"] == "COMPLETED"
    for output in job["outputs"].values():
        audio = soundfile.info(io.BytesIO(jobs.download(output["url"])))
        assert audio.frames == SECONDS * 44_100
    assert job["creditsCharged"] == SECONDS
    assert jobs.balance() == GRANT - SECONDS
    wait_until(lambda: bool(receiver.received), "the webhook")
    told = [json.loads(received.body)["data"] for received in receiver.received]
    assert {(data["jobId"], data["status"]) for data in told} == {(job["id"], "COMPLETED")}


USUAL = {"worked", "stored-one", "ending"}
"""Points that every run of the suite comes by; the others are `long`."""
POINTS = [
    point if point in USUAL else pytest.param(point, marks=pytest.mark.long)
    for point in crashing.POINTS
]


@pytest.mark.parametrize("point", POINTS)
def test_a_job_outlives_its_server_killed_when(point, tmp_path, song, receiver):
    with crashing_service(tmp_path, point) as service:
        jobs = StemJobs.of(service)
        created = ordered(jobs, song, receiver)

        assert service.wait() == -signal.SIGKILL
        service.start()

        assert_whole(jobs, jobs.ended(created["id"]), receiver)
        again = {"begun", "fetched", "separated", "stored-one", "stored"}
        assert attempts(service.data_dir, created["id"]) == (2 if point in again else 1)
        left = [path.name for path in (service.data_dir / "scratch").iterdir()]
        assert created["id"] not in left


def test_a_job_outlives_the_child_that_separates_it(tmp_path, song, receiver):
    with Service(tmp_path / "data", SETTINGS) as service:
        jobs = StemJobs.of(service)
        created = ordered(jobs, song, receiver)
        wait_until(lambda: jobs.get(created["id"])["progress"] > 5, "the separation")

        for child in children_of(service.pid):
            os.kill(child, signal.SIGKILL)

        assert_whole(jobs, jobs.ended(created["id"]), receiver)
        assert attempts(service.data_dir, created["id"]) == 1


def test_work_begins_again_within_three_seconds_of_a_restart(tmp_path, song, receiver):
    with crashing_service(tmp_path, "fetched") as service:
        jobs = StemJobs.of(service)
        created = ordered(jobs, song, receiver)
        service.wait()

        service.start()
        started = time.monotonic()
        wait_until(lambda: attempts(service.data_dir, created["id"]) == 2, "the job", patience_s=3)

        assert time.monotonic() - started < 3
        assert_whole(jobs, jobs.ended(created["id"]), receiver)


def test_a_polite_stop_lets_the_job_at_work_end(tmp_path, song, receiver):
    with Service(tmp_path / "data", SETTINGS) as service:
        jobs = StemJobs.of(service)
        created = ordered(jobs, song, receiver)
        wait_until(lambda: jobs.get(created["id"])["status"] == "PROCESSING", "its start")

        assert service.terminate() == 0
        service.start()

        assert jobs.get(created["id"])["status"] == "COMPLETED"
        assert_whole(jobs, jobs.get(created["id"]), receiver)
        assert attempts(service.data_dir, created["id"]) == 1


def test_a_stop_that_cannot_wait_leaves_the_job_to_the_next_start(tmp_path, song, receiver):
    with Service(tmp_path / "data", {**SETTINGS, "STEMWRIGHT_DRAIN_S": "0"}) as service:
        jobs = StemJobs.of(service)
        created = ordered(jobs, song, receiver)
        wait_until(lambda: jobs.get(created["id"])["progress"] > 5, "the separation")

        assert service.terminate() == 0
        service.start()

        assert_whole(jobs, jobs.ended(created["id"]), receiver)


def test_a_second_worker_on_sqlite_is_refused_with_the_remedy(tmp_path):
    with Service(tmp_path / "data", SETTINGS) as service:
        second = Service(tmp_path / "data", SETTINGS, command=("worker",))
        second.start(wait=False)

        assert second.wait() == 2
        assert "STEMWRIGHT_DATABASE_URL" in second.log
        with service.client() as client:
            assert client.get("/health").is_success


def test_another_worker_takes_over_on_postgresql_and_s3(
    tmp_path, song, receiver, postgres_url, seaweedfs
):
    shared = {
        **SETTINGS,
        "STEMWRIGHT_DATABASE_URL": postgres_url,
        "STEMWRIGHT_STORAGE_URL": seaweedfs.fresh_url(),
        "STEMWRIGHT_SECRET_KEY": "one secret for all hosts of this fleet",
    }
    crash = {"CRASH_AT": "fetched", "CRASH_MARK": str(tmp_path / "crashed")}
    api = Service(tmp_path / "api", shared, command=("serve", "--no-worker"))
    doomed = Service(
        tmp_path / "doomed",
        {**shared, **crash, "PYTHONPATH": str(TESTS)},
        command=("worker",),
        module="support.crashing",
    )
    spare = Service(tmp_path / "spare", shared, command=("worker",))
    with api:
        jobs = StemJobs.of(api)
        created = ordered(jobs, song, receiver)
        doomed.start(wait=False)
        assert doomed.wait() == -signal.SIGKILL
        killed = time.monotonic()

        with spare:
            wait_until(lambda: "job begins" in spare.log, "the takeover", patience_s=30)
            assert time.monotonic() - killed < 30
            assert_whole(jobs, jobs.ended(created["id"]), receiver)


def children_of(pid):
    path = Path(f"/proc/{pid}/task")
    return [
        int(child) for task in path.iterdir() for child in (task / "children").read_text().split()
    ]
