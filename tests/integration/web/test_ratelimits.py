"""Rate limits over real HTTP."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from stemwright.web.metrics import Metrics
from support.edges import GENUINE, LOOPBACK, bearer, edged_app
from support.live_server import AppServer
from support.redis import running_redis
from support.task_queue import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


def _serve(**options):
    return AppServer(edged_app(**options))


def _statuses(client, times, path="/api/v1/jobs", **options):
    return [client.get(path, **options).status_code for _ in range(times)]


def test_the_61st_request_in_a_minute_is_refused(clock):
    metrics = Metrics()
    server = _serve(metrics=metrics, clock=clock)
    with server, server.client(headers=bearer(GENUINE)) as client:
        answers = [client.get("/api/v1/jobs") for _ in range(61)]

    left = [int(answer.headers["x-ratelimit-remaining"]) for answer in answers]
    assert left == [*range(59, -1, -1), 0]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    refused = answers[-1]
    assert refused.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-seen"] == refused.headers["retry-after"]
    assert refused.headers["x-ratelimit-limit"] == "60"
    assert "stemwright_http_rate_limited_total 1.0" in metrics.text()[0].decode()


def test_whoever_waits_as_told_goes_on(clock):
    server = _serve(per_minute=3, clock=clock)
    with server, server.client(headers=bearer(GENUINE)) as client:
        assert _statuses(client, 4)[-1] == 429
        wait = int(client.get("/api/v1/jobs").headers["retry-after"])
        clock.pass_s(wait)
        assert client.get("/api/v1/jobs").status_code == 200


def test_keys_are_counted_apart_and_leave_the_address_alone(clock):
    with _serve(per_minute=3, clock=clock) as server, server.client() as client:
        for number in range(5):
            statuses = _statuses(client, 4, headers=bearer(f"{GENUINE}{number}"))
            assert statuses == [200, 200, 200, 429]
        assert _statuses(client, 1) == [401]


def test_trying_keys_is_stopped_by_the_address(clock):
    with _serve(per_minute=5, clock=clock) as server, server.client() as client:
        guesses = [
            client.get("/api/v1/jobs", headers=bearer(f"sk_live_guess{number}"))
            for number in range(8)
        ]
    assert [guess.status_code for guess in guesses] == [401] * 5 + [429] * 3
    assert [guess.headers["x-ratelimit-remaining"] for guess in guesses[:6]] == list("432100")


def test_guesses_cannot_hide_behind_answers_that_need_no_key(clock):
    with _serve(per_minute=4, clock=clock) as server, server.client() as client:
        for number in range(2):
            for path in ("/api/v1/jobs/open", "/api/v1/jobs"):
                client.get(path, headers=bearer(f"sk_live_guess{number}"))
        answer = client.get("/api/v1/jobs/open", headers=bearer("sk_live_guess9"))
    assert answer.status_code == 429


def test_a_key_known_to_be_genuine_works_where_an_address_is_worn_out(clock):
    with _serve(per_minute=2, clock=clock) as server, server.client() as client:
        known = bearer(GENUINE)
        assert _statuses(client, 1, headers=known) == [200]
        assert _statuses(client, 3) == [401, 401, 429]
        assert _statuses(client, 2, headers=known) == [200, 429]


def test_callers_without_a_key_are_counted_by_address(clock):
    server = _serve(per_minute=2, clock=clock, trusted_proxies=LOOPBACK)
    with server, server.client() as client:

        def ask(address):
            return _statuses(client, 3, headers={"X-Forwarded-For": address})

        assert ask("203.0.113.1") == [401, 401, 429]
        assert ask("203.0.113.2") == [401, 401, 429]
        assert ask("2001:db8::1") == [401, 401, 429]
        assert ask("2001:db8::2") == [429, 429, 429], "one network, one caller"


def test_health_metrics_and_blobs_are_not_counted(clock):
    with _serve(per_minute=1, clock=clock) as server, server.client() as client:
        for path in ("/health", "/metrics", "/blobs/a.mp3"):
            assert set(_statuses(client, 5, path)) == {200}
        assert client.get("/api/v1/jobs").headers["x-ratelimit-remaining"] == "0"


def test_without_a_limit_the_headers_stay():
    with _serve(per_minute=0) as server, server.client(headers=bearer(GENUINE)) as client:
        answers = [client.get("/api/v1/jobs") for _ in range(100)]
    assert {answer.status_code for answer in answers} == {200}
    assert int(answers[-1].headers["x-ratelimit-remaining"]) > 0


@pytest.mark.parametrize("shared", [False, True])
def test_requests_at_one_time_get_no_more_than_the_limit(shared, request):
    url = request.getfixturevalue("redis").url if shared else ""
    server = _serve(per_minute=20, url=url)
    with server, server.client(headers=bearer(GENUINE)) as client, ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(client.get, "/api/v1/jobs") for _ in range(60)]
        statuses = [answer.result().status_code for answer in asked]
    assert statuses.count(200) == 20
    assert statuses.count(429) == 40


@pytest.fixture
def redis():
    with running_redis() as server:
        yield server


def test_the_api_answers_while_redis_is_away(redis):
    server = _serve(per_minute=30, url=redis.url)
    with server, server.client(headers=bearer(GENUINE)) as client:
        assert _statuses(client, 2) == [200, 200]
        redis.stop()
        answers = [client.get("/api/v1/jobs") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[0].headers["x-ratelimit-remaining"] == "29"
