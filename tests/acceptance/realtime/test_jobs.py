"""Jobs of both APIs as the official clients of Phoenix Channels hear of them from the service."""

import json
from functools import partial

import pytest
from sqlalchemy import text
from websockets.sync.client import connect

from stemwright.db.database import Database
from stemwright.jobs.service import NewJob
from support.live_server import wait_until
from support.paced_service import SONG_S
from support.phoenix_clients import PACKAGES, events_among, needs_node
from support.realtime import jobs_in

pytestmark = needs_node


@pytest.mark.parametrize("kind", ["stems", "processing"])
def test_a_job_is_followed_to_its_result(paced, ann, dial, kind):
    paced.hold(2)
    job = ann.order(kind)
    told = {dial(ann.key, package): [] for package in PACKAGES.values()}
    for client in told:
        client.join(job)
        assert client.hear("join")["status"] == "ok"
        assert client.hear("event")["payload"]["job_id"] == job
    for seconds in range(6, SONG_S, 4):
        paced.hold(seconds)
        for client in told:
            told[client] += client.hear_all("event")
    paced.release()

    for client, before in told.items():
        heard = events_among([*before, *client.hear_all("event", event="job:completed")])
        assert_rises(heard[:-1])
        assert_result(ann, kind, heard[-1], job)


def assert_rises(events):
    assert {it["event"] for it in events} == {"job:progress"}
    progress = [it["progress"] for it in events]
    assert len(progress) > 4
    assert progress == sorted(progress)
    assert (events[-1]["status"], progress[-1]) == ("completed", 100)


def assert_result(ann, kind, payload, job):
    assert payload["job_id"] == job
    assert (payload["job_type"], payload["status"]) == ("processing", "completed")
    assert payload["result"]["model"] == "htdemucs"
    stems = payload["result"]["stems"]
    if kind == "stems":
        assert {it["stem_type"] for it in stems} == set(ann.stem_jobs.get(job)["outputs"])
    else:
        assert payload["track_id"] == ann.track
        assert stems == ann.api.get(f"/api/processing/job/{job}").json()["data"]["stems"] != []


def test_a_download_tells_its_file_and_its_place_in_a_chain(paced, ann, dial):
    paced.hold()
    job = ann.add_song(chain=True, title="A Song")["job_id"]
    client = dial(ann.key)
    client.join(job)
    ended = client.hear("event", event="job:completed")["payload"]
    stage = client.hear("event", event="pipeline:progress")["payload"]

    assert ended["job_type"] == "download"
    assert ended["result"]["output_path"].startswith("/files/downloads/")
    assert ended["result"]["file_size"] > 0
    assert (stage["track_title"], stage["stage"], stage["progress"]) == ("A Song", "download", 100)


def test_a_job_that_is_stopped_has_failed(paced, ann, dial):
    paced.hold(6)
    job = ann.order("processing")
    client = dial(ann.key)
    client.join(job)
    wait_until(lambda: client.hear("event")["payload"]["progress"] > 0, "progress")
    ann.api.delete(f"/api/processing/job/{job}").raise_for_status()
    *_, state, end = events_among(client.hear_all("event", event="job:failed"))

    assert state["status"] == end["status"] == "failed"
    assert state["progress"] > 0
    assert (end["job_id"], end["job_type"], end["track_id"]) == (job, "processing", ann.track)
    assert end["error"] == ann.api.get(f"/api/processing/job/{job}").json()["data"]["error"] != ""


@pytest.mark.parametrize("gently", [False, True])
def test_clients_find_their_job_again_after_a_restart(paced, ann, dial, gently):
    paced.hold(8)
    job = ann.order("stems")
    clients = [dial(ann.key, package) for package in PACKAGES.values()]
    for client in clients:
        client.join(job)
        client.hear("join", status="ok")
    wait_until(lambda: ann.stem_jobs.get(job)["progress"] > 20, "some progress")
    for client in clients:
        client.everything(0)
    paced.restart(gently=gently)

    for client in clients:
        assert client.hear("closed")["code"] == (1012 if gently else 1006)
        assert client.hear("join")["status"] == "ok"
        assert client.hear("event")["event"] == "job:progress"
    paced.release()
    for client in clients:
        assert events_among(client.hear_all("event", event="job:completed"))[-2]["progress"] == 100


@pytest.fixture
def many_jobs(service, ann):
    """Jobs that nobody works on."""
    database = Database(f"sqlite:///{service.data_dir / 'stemwright.sqlite3'}")
    jobs = jobs_in(database)
    new = partial(NewJob, kind="nothing", owner=jobs.find(None, ann.song).owner, facts={})
    with database.transaction() as session:
        made = [jobs.create(session, new(request={})).id for _ in range(101)]
    yield made
    with database.transaction() as session:
        session.execute(text("DELETE FROM jobs WHERE kind = 'nothing'"))
    database.close()


def test_the_hundred_and_first_channel_is_refused(ann, dial, many_jobs):
    client = dial(ann.key)
    for number, job in enumerate(many_jobs):
        client.join(job, str(number))
    refused = client.hear("join", status="error")
    client.close()

    assert refused["as"] == "100"
    assert refused["response"] == {"reason": "too many channels joined"}


def test_version_1_is_spoken_with_who_names_none(paced, ann):
    paced.hold()
    topic = f"jobs:{ann.order('processing')}"
    joining = {"topic": topic, "event": "phx_join", "payload": {}, "ref": 1}
    with connect(f"{paced.endpoint}/websocket?token={ann.key}", proxy=None) as socket:
        socket.send(json.dumps(joining))
        reply, state = (json.loads(socket.recv(10)) for _ in range(2))

    assert reply == {
        "topic": topic,
        "event": "phx_reply",
        "payload": {"status": "ok", "response": {}},
        "ref": 1,
    }
    assert (state["event"], state["ref"]) == ("job:progress", None)
