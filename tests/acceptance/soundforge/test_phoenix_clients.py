"""npm ``phoenix`` 1.8.16, 1.7.21 and 1.6.16, as they are, with ``ws``."""

import pytest

from stemwright.jobs.service import Outcome
from support.phoenix_clients import PACKAGES, PhoenixClients, needs_node
from support.ports import free_port
from support.realtime import Host, killable

pytestmark = needs_node


@pytest.fixture(scope="module")
def node():
    with PhoenixClients() as node:
        yield node


@pytest.fixture(params=PACKAGES)
def package(request):
    return PACKAGES[request.param]


@pytest.fixture
def host(tmp_path):
    with Host(f"sqlite:///{tmp_path / 'test.sqlite3'}") as host:
        yield host


@pytest.fixture
def ann(host):
    """Ann's id and key."""
    return host.new_key()


@pytest.fixture
def connect(node, host, package):
    """Connect a client; it is let go with the test."""
    clients = []

    def opened(key, url=None, **options):
        clients.append(node.connect(package, url or host.endpoint, key, **options))
        return clients[-1]

    yield opened
    for client in clients:
        client.close()


def test_a_client_follows_a_job_to_its_end(connect, host, ann):
    owner, key = ann
    job = host.begun_job(owner)
    client = connect(key)
    client.join(job.id)

    assert client.hear("join")["status"] == "ok"
    assert client.hear("event")["payload"]["progress"] == 0
    for progress in (20, 45, 80):
        host.jobs.report(job, progress, "separate")
        assert client.hear("event")["payload"]["progress"] == progress
    host.jobs.complete(job, Outcome())
    assert client.hear("event")["payload"]["status"] == "completed"
    assert client.hear("event")["event"] == "job:completed"


def test_pings_heartbeats_and_leaves_are_answered(connect, host, ann):
    owner, key = ann
    job = host.begun_job(owner)
    client = connect(key, heartbeatIntervalMs=500)
    client.join(job.id)
    client.hear("join", status="ok")
    client.do("push", **{"as": "channel"}, event="ping")
    client.hear("push", status="ok", response={})
    client.do("push", **{"as": "channel"}, event="dance")
    assert client.hear("push")["response"] == {"reason": "unknown event"}
    beats = [
        told["frame"]
        for told in client.everything(1.8)
        if told["kind"] == "frame" and told["frame"][2] == "phoenix"
    ]
    assert len(beats) >= 2
    client.do("leave", **{"as": "channel"})
    assert client.hear("leave")["status"] == "ok"
    client.everything(0.2)
    host.jobs.report(job, 45, "separate")

    told = client.everything(0.4)
    assert not [it for it in told if it["kind"] == "frame" and it["frame"][2] != "phoenix"]


@pytest.mark.parametrize(
    ("topic", "reason"), [("nope:1", "unmatched topic"), ("jobs:6f0e", "not found")]
)
def test_a_client_is_told_why_it_may_not_join(connect, ann, topic, reason):
    client = connect(ann[1])
    client.do("channel", **{"as": "channel"}, topic=topic)
    client.do("join", **{"as": "channel"})

    refused = client.hear("join")
    assert (refused["status"], refused["response"]) == ("error", {"reason": reason})


def test_the_second_channel_of_a_topic_closes_the_first(connect, host, ann):
    owner, key = ann
    job = host.begun_job(owner)
    client = connect(key)
    client.join(job.id, "first")
    client.hear("join", status="ok")
    client.join(job.id, "second")
    client.hear("channel closed")
    client.hear("join", status="ok")
    host.jobs.report(job, 45, "separate")

    told = client.everything(1.0)
    progress = [(it["as"], it["payload"]["progress"]) for it in told if it["kind"] == "event"]
    assert ("second", 45) in progress
    assert ("first", 45) not in progress
    assert not [it for it in told if it["kind"] == "channel error"]


def test_a_client_finds_its_job_again_after_a_server_died(connect, host, ann):
    owner, key = ann
    job = host.begun_job(owner)
    port = free_port()
    with killable(host.url, port):
        client = connect(key, url=f"ws://127.0.0.1:{port}/socket")
        client.join(job.id)
        client.hear("event")
    client.hear("closed")
    host.jobs.report(job, 70, "separate")
    with killable(host.url, port):
        client.hear("join", status="ok")

        assert client.hear("event")["payload"]["progress"] == 70


@pytest.mark.parametrize("key", [None, "sk_live_wrong"])
def test_a_client_without_a_good_key_is_refused(connect, key):
    assert connect(key).hear("refused")["status"] == 403


def test_a_client_whose_key_is_revoked_is_closed_and_kept_out(connect, host, ann):
    owner, key = ann
    client = connect(key)
    client.join(host.new_job(owner).id)
    client.hear("join", status="ok")
    host.accounts.revoke_key(key)

    assert client.hear("closed")["code"] == 1001
    assert client.hear("refused")["status"] == 403


def test_the_hundred_and_first_channel_is_refused(connect, host, ann):
    owner, key = ann
    client = connect(key)
    jobs = [host.new_job(owner).id for _ in range(101)]
    for number, job_id in enumerate(jobs):
        client.join(job_id, str(number))
    refused = client.hear("join", status="error")

    assert refused["as"] == "100"
    assert refused["response"] == {"reason": "too many channels joined"}


def test_a_client_hands_its_key_over_as_a_subprotocol(node, host, ann):
    client = node.connect("phoenix", host.endpoint, None, authToken=ann[1])
    client.hear("open")
    client.close()
