"""The edge around an app, over real HTTP."""

import io
import json
import logging
import re
import tracemalloc

import httpx
import pytest

from stemwright.kit import logs
from stemwright.web.forwarded import parse_networks
from stemwright.web.metrics import Metrics
from support.edges import GENUINE, LOOPBACK, bearer, edged_app
from support.live_server import AppServer

EVERY_PATH = {
    "a good one": ("GET", "/api/v1/jobs/7", 200),
    "refused": ("GET", "/api/v1/jobs", 401),
    "unknown": ("GET", "/api/v1/nothing", 404),
    "wrong method": ("DELETE", "/api/v1/jobs", 405),
    "invalid": ("POST", "/api/v1/jobs", 422),
    "a defect": ("GET", "/api/v1/broken", 500),
    "outside the mount": ("GET", "/api/nothing", 404),
}


@pytest.fixture
def lines():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure("json", "debug", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)


def _serve(**options):
    return AppServer(edged_app(**options))


@pytest.mark.parametrize(("method", "path", "status"), EVERY_PATH.values(), ids=EVERY_PATH)
def test_every_answer_has_its_headers(method, path, status):
    with _serve() as server, server.client() as client:
        answer = client.request(method, path)

    assert answer.status_code == status
    assert answer.headers["x-ratelimit-limit"] == "60"
    assert answer.headers["x-ratelimit-remaining"] == "59"
    assert answer.headers["x-ratelimit-reset"].isdecimal()
    assert re.fullmatch(r"req_[a-z0-9]{24}", answer.headers["x-request-id"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


def test_pages_keep_their_own_policy_and_lose_the_server_header():
    with _serve() as server, server.client() as client:
        answer = client.get("/api/v1/page")
    assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert "server" not in answer.headers


@pytest.mark.parametrize("path", ["//api/v1//jobs/7", "/api/v1/jobs/7/", "/api//v1/jobs/7//"])
def test_superfluous_slashes_are_served_and_not_redirected(path):
    with _serve() as server, server.client() as client:
        answer = client.get(f"{server.url}{path}")
    assert (answer.status_code, answer.json()) == (200, {"id": "7"})


def test_the_mount_itself_is_no_circle_of_redirects():
    with _serve() as server, server.client() as client:
        assert [client.get(path).status_code for path in ("/api/v1", "/api/v1/")] == [404, 404]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-123", True), ("a" * 128, True), ("a" * 129, False), ("a b", False), ("a\tb", False)],
)
def test_a_sane_request_id_is_kept_and_any_other_replaced(given, kept):
    with _serve() as server, server.client() as client:
        answer = client.get("/health", headers={"X-Request-Id": given})
    assert (answer.headers["x-request-id"] == given) is kept


def test_a_large_body_where_json_is_expected_is_refused():
    with _serve() as server, server.client() as client:
        announced = client.post("/api/v1/jobs", content=b'{"a": "' + b"x" * (1 << 20) + b'"}')
        grown = client.post("/api/v1/jobs", content=iter([b'{"a": "', *[b"x" * 65_536] * 40]))
        after = client.post("/api/v1/jobs", json={"a": "x" * 1_000_000})

    for answer in (announced, grown):
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "request.too_large"
        assert "x-ratelimit-remaining" in answer.headers
    assert after.status_code == 201


def test_large_blobs_stream_through_untouched_in_little_memory():
    with _serve() as server, server.client() as client:
        tracemalloc.start()
        sent = client.put("/blobs/a.wav", content=(bytes(1 << 16) for _ in range(1600)))
        with client.stream("GET", "/blobs/a.mp3") as got:
            size = sum(len(block) for block in got.iter_raw())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert sent.json() == {"size": 1600 << 16}
    assert size == 16 << 16
    assert "x-ratelimit-limit" not in sent.headers
    assert peak < 20e6


def test_a_defect_is_logged_with_the_request_id_and_without_the_key(lines):
    with _serve() as server, server.client() as client:
        answer = client.get("/api/v1/broken", headers={"X-Request-Id": "find-me"})

    assert answer.status_code == 500
    (failed,) = [line for line in lines() if line["event"] == "request.failed"]
    assert failed["request_id"] == "find-me"
    assert "out of order" in failed["exception"]
    assert GENUINE not in json.dumps(lines())


def test_an_answer_that_breaks_off_is_seen_by_the_caller_and_in_the_log(lines):
    with _serve() as server, server.client() as client, pytest.raises(httpx.RemoteProtocolError):
        client.get("/api/v1/half")
    (line,) = [line for line in lines() if line["event"] == "request"]
    assert (line["status"], line["broken_off"]) == (200, True)


def test_the_access_line_says_who_asked_what_and_no_query(lines):
    with _serve() as server, server.client() as client:
        client.get("/api/v1/jobs?secret=1", headers=bearer(GENUINE) | {"X-Request-Id": "r-1"})

    (line,) = [line for line in lines() if line["event"] == "request"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/v1/jobs", 200)
    assert (line["client"], line["key"], line["request_id"]) == ("127.0.0.1", GENUINE[:12], "r-1")
    assert line["bytes"] > 0
    assert line["duration_ms"] >= 0
    assert "secret" not in json.dumps(lines())


def test_probes_of_health_do_not_fill_the_log(lines):
    with _serve() as server, server.client() as client:
        client.get("/health")
    assert [line["level"] for line in lines() if line["event"] == "request"] == ["debug"]


FORWARDED = {
    "X-Forwarded-For": "6.6.6.6, 203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "stems.example",
}


def _told(headers, **options):
    with _serve(**options) as server, server.client(headers=bearer(GENUINE)) as client:
        return client.get("/api/v1/jobs", headers=headers).json(), server.url


def test_a_trusted_proxy_is_believed():
    told, _ = _told(FORWARDED, trusted_proxies=LOOPBACK)
    assert told == {
        "base": "https://stems.example",
        "client": "203.0.113.9",
        "url": "https://stems.example/api/v1/jobs",
    }


def test_anyone_else_is_not_believed():
    told, url = _told(FORWARDED)
    assert told == {"base": url, "client": "127.0.0.1", "url": f"{url}/api/v1/jobs"}


def test_proxies_behind_proxies_are_passed_over_up_to_the_caller():
    trusted = parse_networks(("127.0.0.1", "10.0.0.0/8"), "X")
    hops = {"X-Forwarded-For": "6.6.6.6, [2001:db8::7]:443, 10.1.2.3:9"}
    assert _told(hops, trusted_proxies=trusted)[0]["client"] == "2001:db8::7"


def test_nonsense_from_a_proxy_is_left_alone():
    nonsense = {"X-Forwarded-Proto": "gopher", "X-Forwarded-Host": "a/b?c", "X-Forwarded-For": "x"}
    told, url = _told(nonsense, trusted_proxies=LOOPBACK)
    assert (told["base"], told["client"]) == (url, "127.0.0.1")


def test_the_public_address_wins():
    told, _ = _told(FORWARDED, trusted_proxies=LOOPBACK, public_url="https://music.example/x/")
    assert told["base"] == "https://music.example/x"


def test_a_strange_host_header_is_in_no_link():
    told, url = _told({"Host": "evil.example/%0d"})
    assert told["base"] == url


def _metrics(client, **options):
    return client.get("/metrics", **options)


def test_requests_are_measured_by_route_and_not_by_path():
    metrics = Metrics()
    with _serve(metrics=metrics) as server, server.client() as client:
        for path in ("jobs/1", "jobs/2", "deep/jobs/3", "nothing", "nothing/else", "broken"):
            client.get(f"/api/v1/{path}")
        text = _metrics(client).text

    counted = re.findall(r"request_seconds_count\{(.*)\} (\d+)\.0", text)
    assert {
        ('method="GET",route="/api/v1/jobs/{job_id}",status="200"', "2"),
        ('method="GET",route="/api/v1/deep/jobs/{job_id}",status="200"', "1"),
        ('method="GET",route="/api/v1/*",status="404"', "2"),
        ('method="GET",route="/api/v1/broken",status="500"', "1"),
    } == set(counted)
    assert "stemwright_http_requests_in_flight 1.0" in text


def test_metrics_are_for_the_machine_itself_or_with_the_token():
    far = {"X-Forwarded-For": "203.0.113.9"}
    server = _serve(metrics_token="t0ken", trusted_proxies=LOOPBACK)
    with server, server.client() as client:
        statuses = [
            _metrics(client, headers=headers).status_code
            for headers in ({}, far, far | bearer("wrong"), far | bearer("t0ken"))
        ]
    assert statuses == [200, 401, 401, 200]


def test_a_proxy_nobody_vouched_for_does_not_open_metrics_to_its_callers():
    with _serve() as server, server.client() as client:
        assert _metrics(client, headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 403
