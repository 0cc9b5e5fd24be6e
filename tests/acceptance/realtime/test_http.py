"""The service's events over plain HTTP, and what its log says of sockets and streams."""

import base64
import json
import re
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from support.paced_service import revoke_on_page


def test_what_is_no_socket_is_told_so(service, ann):
    with service.client(params={"token": ann.key, "vsn": "2.0.0"}) as client:
        polled = client.get("/socket/longpoll")
        asked = [client.request(it, "/socket/websocket") for it in ("GET", "POST", "DELETE")]

    assert polled.status_code == 404
    assert [it.status_code for it in asked] == [400, 400, 400]


@contextmanager
def stream(client, job, last=None):
    """Server-sent events; their fields."""
    headers = {"accept": "text/event-stream"} | ({"last-event-id": last} if last else {})
    with client.stream("GET", f"/api/jobs/{job}/events", headers=headers) as answer:
        yield answer, told_on(answer)


def told_on(answer):
    fields = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif "event" in fields:
            yield {**fields, "data": json.loads(fields["data"])}
            fields = {}


def test_a_stream_is_taken_up_where_it_broke_off(paced, ann):
    paced.hold(8)
    job = ann.order("processing")
    with stream(ann.api, job) as (answer, told):
        first = next(told)
        assert answer.headers["content-type"].startswith("text/event-stream")
        before = [first, *(next(told) for _ in range(2))][-1]
    paced.release()
    with stream(ann.browser, job, before["id"]) as (_, told):
        after = list(told)

    assert first["data"]["job_id"] == job
    assert before["id"] not in [it.get("id") for it in after]
    assert [it["event"] for it in after[-2:]] == ["job:progress", "job:completed"]
    assert after[-1]["data"]["result"]["stems"] != []
    with stream(ann.api, job, after[-1]["id"]) as (answer, _):
        assert answer.status_code == 204


def test_streams_of_others_and_of_nothing_are_refused_in_json(service, ann, somebody):
    paths = [f"/api/jobs/{job}/events" for job in (ann.song, "6f0e")]
    refused = [somebody.api.get(path) for path in paths]
    with service.client(headers={"accept": "text/event-stream"}) as stranger:
        refused.append(stranger.get(paths[0]))

    assert [it.status_code for it in refused] == [403, 404, 401]
    assert all(it.json()["error"] for it in refused)


def test_revoking_a_key_ends_its_streams(paced, ann, somebody):
    paced.hold()
    with stream(somebody.api, somebody.order("stems")) as (_, told):
        assert next(told)["event"] == "job:progress"
        revoke_on_page(somebody)

        assert "completed" not in [it["data"]["status"] for it in told]


# ---------------------------------------------------------------------------------- what is written

WRONG = "no-key-and-yet-a-secret"
UPGRADE = {"connection": "upgrade", "upgrade": "websocket"}
HANDSHAKE = {**UPGRADE, "sec-websocket-version": "13"}
NOT_BASE64 = {**HANDSHAKE, "sec-websocket-key": WRONG}


@pytest.mark.parametrize("headers", [{}, UPGRADE, HANDSHAKE, NOT_BASE64])
@pytest.mark.parametrize("path", ["/socket/websocket", "/socket/longpoll", "/socket/websocket/x"])
def test_addresses_are_not_logged_for_the_keys_among_them(service, ann, headers, path):
    with service.client(headers=headers) as client:
        answers = [client.get(path, params={"token": it}) for it in (ann.key, WRONG)]

    assert all(it.status_code >= 400 for it in answers)
    assert_unwritten(service, ann)


def test_keys_of_sockets_and_streams_are_not_logged(service, ann):
    whole = f"{service.endpoint}/websocket"
    token = base64.b64encode(ann.key.encode()).decode().rstrip("=")
    offered = ["phoenix", f"base64url.bearer.phx.{token}"]
    with connect(f"{whole}?token={ann.key}", proxy=None) as socket:
        socket.send("no frame")
        with pytest.raises(ConnectionClosed):
            socket.recv(10)
    with connect(whole, proxy=None, subprotocols=offered) as socket:
        socket.send(json.dumps({"topic": "phoenix", "event": "heartbeat", "payload": {}}))
        socket.recv(10)
    for refused in (f"token={WRONG}", f"token={ann.key}&vsn=7.0.0"):
        with pytest.raises(InvalidStatus):
            connect(f"{whole}?{refused}", proxy=None)
    ann.api.get(f"/api/jobs/{ann.song}/events", params={"token": WRONG})

    assert {"socket closed", "socket refused"} <= set(re.findall(r'"event": "(.*?)"', service.log))
    assert_unwritten(service, ann)
    assert token not in service.log


def assert_unwritten(service, ann):
    assert ann.key not in service.log
    assert WRONG not in service.log
