"""Server-sent events of a job."""

import json
from contextlib import contextmanager

import pytest

from stemwright.jobs.service import Outcome
from support.live_server import wait_until
from support.realtime import Host


@pytest.fixture
def host(tmp_path):
    with Host(f"sqlite:///{tmp_path / 'test.sqlite3'}", beat_s=0.3) as host:
        yield host


@pytest.fixture
def ann(host):
    """Ann's id and key."""
    return host.new_key()


@contextmanager
def stream(host, key, job_id, last=None):
    headers = {"Authorization": f"Bearer {key}"}
    if last is not None:
        headers["Last-Event-ID"] = last
    with (
        host.server.client() as client,
        client.stream("GET", f"/api/jobs/{job_id}/events", headers=headers) as answer,
    ):
        yield answer


def blocks(answer):
    """The blocks as fields; comments under an empty name."""
    fields = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        else:
            yield fields
            fields = {}


def events(answer):
    return [block for block in blocks(answer) if "event" in block]


def test_a_job_is_told_from_its_state_to_its_end(host, ann):
    owner, key = ann
    job = host.begun_job(owner)
    with stream(host, key, job.id) as answer:
        everything = blocks(answer)
        assert next(everything) == {"retry": "2000"}
        heard = (block for block in everything if "event" in block)
        assert json.loads(next(heard)["data"])["status"] == "processing"
        host.jobs.complete(job, Outcome())
        told = list(heard)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in answer.headers
    assert [block["event"] for block in told] == ["job:progress", "job:completed"]
    assert json.loads(told[1]["data"])["job_id"] == job.id
    # only the last carries the id: who breaks off between the two is told both again
    assert ["id" in block for block in told] == [False, True]


def test_a_silent_job_is_heard_of_by_comments(host, ann):
    owner, key = ann
    job = host.new_job(owner)
    with stream(host, key, job.id) as answer:
        heard = blocks(answer)

        assert next(block for block in heard if "" in block)


def test_who_comes_back_is_told_what_is_new(host, ann):
    owner, key = ann
    job = host.begun_job(owner)
    with stream(host, key, job.id) as answer:
        seen = next(block for block in blocks(answer) if "event" in block)["id"]
    host.jobs.report(job, 45, "separate")
    with stream(host, key, job.id, seen) as answer:
        told = next(block for block in blocks(answer) if "event" in block)
    with stream(host, key, job.id, told["id"]) as answer:
        host.jobs.complete(job, Outcome())
        rest = events(answer)

    assert json.loads(told["data"])["progress"] == 45
    assert [block["event"] for block in rest] == ["job:progress", "job:completed"]


def test_who_has_heard_the_end_is_told_not_to_ask_again(host, ann):
    owner, key = ann
    job = host.begun_job(owner)
    host.jobs.complete(job, Outcome())
    with stream(host, key, job.id) as answer:
        seen = events(answer)[-1]["id"]
    with stream(host, key, job.id, seen) as answer:
        assert answer.status_code == 204


def test_jobs_of_others_are_not_there(host, ann):
    job = host.new_job("usr_bob")
    with stream(host, ann[1], job.id) as answer:
        assert answer.status_code == 404
    with stream(host, "bad", job.id) as answer:
        assert answer.status_code == 401


def test_who_goes_is_forgotten(host, ann):
    owner, key = ann
    job = host.new_job(owner)
    with stream(host, key, job.id) as answer:
        heard = blocks(answer)
        next(heard)
        assert len(host.live) == 1

    wait_until(lambda: not len(host.live) and not host.events._watched, "the end of the stream")


def test_who_loses_the_key_loses_the_stream(host, ann):
    owner, key = ann
    job = host.new_job(owner)
    with stream(host, key, job.id) as answer:
        heard = blocks(answer)
        next(heard)
        host.accounts.revoke_key(key)

        assert not [block for block in heard if "job:completed" in block.values()]


def test_streams_do_not_keep_a_server_from_stopping(tmp_path):
    host = Host(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    with host:
        owner, key = host.new_key()
        job = host.new_job(owner)
        open_stream = stream(host, key, job.id)
        answer = open_stream.__enter__()

    assert len(list(blocks(answer))) <= 2
    open_stream.__exit__(None, None, None)


def test_a_stream_begun_while_the_server_stops_ends_at_once(host, ann):
    owner, key = ann
    host.live.close()
    with stream(host, key, host.new_job(owner).id) as answer:
        assert list(blocks(answer)) == [{"retry": "2000"}]
