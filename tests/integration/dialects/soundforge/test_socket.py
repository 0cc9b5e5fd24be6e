"""Channels of jobs over real sockets."""

import io
import json
import logging

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stemwright.db.database import Database
from stemwright.features.accounts.service import Accounts
from stemwright.jobs.service import Outcome
from stemwright.kit import logs
from support.live_server import wait_until
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


def closed(client):
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            client.hear()
    return caught.value.rcvd.code


def test_a_job_is_followed_from_the_snapshot_to_its_end(host, ann):
    owner, key = ann
    job = host.new_job(owner)
    with host.connect(key) as client:
        ref = client.join(job.id)
        snapshot = client.hear()
        job = host.jobs.begin(job.id, None)
        begun = client.hear()
        host.jobs.report(job, 45, "separate")
        told = client.hear()
        host.jobs.complete(job, Outcome(result={"model": "htdemucs"}))
        done = [client.hear(), client.hear()]

        assert client.is_silent()
    topic = f"jobs:{job.id}"
    facts = {"job_id": job.id, "track_id": "91ab"}
    assert snapshot == [
        ref,
        None,
        topic,
        "job:progress",
        {**facts, "status": "queued", "progress": 0, "message": "Waiting"},
    ]
    assert begun[4] == {**facts, "status": "processing", "progress": 0, "message": "Processing"}
    assert told[4] == {
        **facts,
        "status": "processing",
        "progress": 45,
        "message": "Separating stems",
    }
    assert done[0][3:] == [
        "job:progress",
        {**facts, "status": "completed", "progress": 100, "message": "Completed"},
    ]
    assert done[1][3:] == [
        "job:completed",
        {
            **facts,
            "job_type": "processing",
            "status": "completed",
            "result": {"model": "htdemucs", "stems": []},
        },
    ]


def test_whoever_joins_after_the_end_is_told_it(host, ann):
    owner, key = ann
    job = host.begun_job(owner)
    host.jobs.report(job, 30, "separate")
    host.jobs.fail(job, "input.unreadable", "No audio.")
    with host.connect(key) as client:
        client.join(job.id)
        heard = client.hear_until("job:failed")

    facts = {"job_id": job.id, "track_id": "91ab"}
    assert heard == [
        ("job:progress", {**facts, "status": "failed", "progress": 30, "message": "No audio."}),
        (
            "job:failed",
            {**facts, "job_type": "processing", "error": "No audio.", "status": "failed"},
        ),
    ]


def test_a_cancelled_job_has_failed(host, ann):
    owner, key = ann
    job = host.new_job(owner, kind="download")
    with host.connect(key) as client:
        client.join(job.id)
        client.hear()
        host.jobs.cancel(job.id)
        *_, (_, payload) = client.hear_until("job:failed")

    assert payload["error"] == "The job was cancelled."
    assert payload["job_type"] == "download"


def test_stages_of_a_chain_are_told_on_their_own_channel(host, ann):
    owner, key = ann
    job = host.new_job(owner, kind="analysis", chain={"track_title": "Song", "last": True})
    with host.connect(key) as client:
        client.join(job.id)
        client.hear_until("pipeline:progress")
        host.jobs.complete(
            host.jobs.begin(job.id, None), Outcome(result={"tempo": 98, "features": {}})
        )
        heard = dict(client.hear_until("pipeline:complete"))

    track = {"track_id": "91ab", "track_title": "Song"}
    assert heard["job:completed"]["result"] == {"tempo": 98}
    assert heard["pipeline:complete"] == track
    assert heard["pipeline:progress"] == {
        **track,
        "stage": "analysis",
        "status": "completed",
        "progress": 100,
    }


@pytest.mark.parametrize("job_id", ["6f0e", "", "../..", "a" * 200, "\u2603"])
def test_a_job_that_is_not_there_is_not_found(host, ann, job_id):
    with host.connect(ann[1]) as client:
        client.push(f"jobs:{job_id}", "phx_join")

        assert client.hear()[4] == {"status": "error", "response": {"reason": "not found"}}


def test_a_job_of_somebody_else_is_not_to_be_joined(host, ann):
    job = host.new_job("usr_bob")
    with host.connect(ann[1]) as client:
        client.push(f"jobs:{job.id}", "phx_join")

        assert client.hear()[4] == {"status": "error", "response": {"reason": "unauthorized"}}


def test_nobody_hears_of_a_topic_that_was_left(host, ann):
    owner, key = ann
    job = host.begun_job(owner)
    with host.connect(key) as client:
        ref = client.join(job.id)
        client.hear()
        client.push(f"jobs:{job.id}", "phx_leave", join_ref=ref)
        assert [client.hear()[3], client.hear()[3]] == ["phx_reply", "phx_close"]
        host.jobs.report(job, 45, "separate")

        assert client.is_silent()
    assert not host.events._watched


def test_a_second_join_is_told_the_state_anew(host, ann):
    owner, key = ann
    job = host.begun_job(owner)
    with host.connect(key) as client:
        client.join(job.id)
        client.hear()
        ref = client.push(f"jobs:{job.id}", "phx_join")

        assert [client.hear()[3], client.hear()[3]] == ["phx_reply", "phx_close"]
        assert client.hear()[:4] == [ref, None, f"jobs:{job.id}", "job:progress"]


def test_version_1_is_spoken_where_none_is_asked_for(host, ann):
    owner, key = ann
    job = host.new_job(owner)
    with host.connect(key, vsn=None) as client:
        client.send({"topic": f"jobs:{job.id}", "event": "phx_join", "payload": {}, "ref": "1"})

        assert client.hear()["payload"] == {"status": "ok", "response": {}}
        assert client.hear()["payload"]["status"] == "queued"


# --------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize("frame", ["hello", "{}", "[1,2]", b"\x07"])
def test_a_bad_frame_ends_the_socket(host, ann, frame):
    with host.connect(ann[1]) as client:
        client.connection.send(frame)

        assert closed(client) == 1011


def test_a_frame_that_is_too_large_ends_the_socket(host, ann):
    with host.connect(ann[1]) as client:
        client.connection.send("x" * 65_537)

        assert closed(client) == 1009


def test_the_largest_frame_is_taken(host, ann):
    frame = '[null,"1","phoenix","heartbeat",{}]'
    with host.connect(ann[1]) as client:
        client.connection.send(frame + " " * (65_536 - len(frame)))

        assert client.hear()[4]["status"] == "ok"


def test_a_silent_client_is_let_go_and_one_that_pings_stays(tmp_path):
    with Host(f"sqlite:///{tmp_path / 'test.sqlite3'}", idle_s=0.5) as host:
        key = host.new_key()[1]
        with (
            host.connect(key, ping_interval=None) as silent,
            host.connect(key, ping_interval=0.1) as pinging,
        ):
            assert closed(silent) == 1001
            assert pinging.is_silent(1.0)
            pinging.send([None, "1", "phoenix", "heartbeat", {}])
            assert pinging.hear()[4]["status"] == "ok"


def test_a_client_that_takes_nothing_is_let_go_and_delays_nobody(tmp_path):
    url = f"sqlite:///{tmp_path / 'test.sqlite3'}"
    with Host(url, most_frames=16) as host:
        owner, key = host.new_key()
        job = host.begun_job(owner)
        with (
            host.connect(key, max_queue=1, ping_interval=None) as slow,
            host.connect(key) as quick,
        ):
            slow.join(job.id)
            quick.join(job.id)
            # answers pile up at the server until its buffers are full
            for _ in range(60_000):
                slow.push("nope:" + "x" * 500, "y")
                if len(host.live) < 2:
                    break
            host.jobs.report(job, 45, "separate")
            assert [payload["progress"] for _, payload in (quick.hear()[3:], quick.hear()[3:])] == [
                0,
                45,
            ]
            assert closed(slow) == 1013


# -------------------------------------------------------------------------------------- evictions


def test_revoking_a_key_closes_its_sockets_and_no_others(host, ann):
    owner, key = ann
    other = host.accounts.create_key(owner, "other")[1]
    with host.connect(key) as client, host.connect(other) as unconcerned:
        host.accounts.revoke_key(key)

        assert closed(client) == 1001
        unconcerned.send([None, "1", "phoenix", "heartbeat", {}])
        assert unconcerned.hear()[4]["status"] == "ok"
    assert refused(host, key).status_code == 403


def test_suspending_an_account_closes_its_sockets(host, ann):
    owner, key = ann
    with host.connect(key) as client:
        host.accounts.suspend(owner)

        assert closed(client) == 1001


def test_a_server_that_stops_says_so(tmp_path):
    host = Host(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    with host:
        client = host.connect(host.new_key()[1])

    assert closed(client) == 1012


def test_who_comes_while_the_server_stops_is_told_so_too(host, ann):
    host.live.close()

    assert closed(host.connect(ann[1])) == 1012


def test_sockets_leave_nothing_behind(host, ann):
    owner, key = ann
    job = host.new_job(owner)
    for _ in range(3):
        with host.connect(key) as client:
            client.join(job.id)

    wait_until(lambda: len(host.live) == 0 and not host.events._watched, "the sockets' end")


@pytest.fixture
def written():
    """Everything that is logged, down to the libraries' own steps."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure("json", "debug", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def test_no_key_is_in_a_log_whatever_its_form(tmp_path, written):
    with Host(f"sqlite:///{tmp_path / 'test.sqlite3'}") as host:
        _, key = host.new_key()
        host.connect(key).connection.close()
        refused(host, "no-form-that-is-known")
        refused(host, key, vsn="9")
        wait_until(lambda: "socket closed" in written.getvalue(), "the log")

    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    ours = [line for line in lines if not line["logger"].startswith("websockets")]
    assert {"socket closed", "socket refused"} <= {line["event"] for line in ours}
    assert "no-form-that-is-known" not in str(ours)
    assert key not in str(ours)


def test_hosts_on_one_database_see_each_others_jobs_and_revocations(postgres_url):
    with Host(postgres_url) as one, Host(postgres_url) as other:
        owner, key = one.new_key()
        job = one.new_job(owner)
        with other.connect(key) as client:
            client.join(job.id)
            client.hear()
            one.jobs.complete(one.jobs.begin(job.id, None), Outcome())
            client.hear_until("job:completed")
            one.accounts.revoke_key(key)

            assert closed(client) == 1001


def test_keys_are_revoked_from_another_process_on_one_file(host, ann):
    elsewhere = Accounts(Database(host.url))
    with host.connect(ann[1]) as client:
        elsewhere.revoke_key(ann[1])

        assert closed(client) == 1001
    elsewhere._database.close()
