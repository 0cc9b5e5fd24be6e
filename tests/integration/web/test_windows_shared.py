"""Rate limits that several processes share, in a real Redis."""

import io
import json
import logging
import socket
import time
from datetime import timedelta

import pytest

from stemwright.kit import logs
from stemwright.kit.clock import utc_now
from stemwright.web.windows import Windows
from support.redis import running_redis


@pytest.fixture
def redis():
    with running_redis() as server:
        yield server


@pytest.fixture
def events():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    yield lambda: [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)


def test_two_hosts_count_together(redis):
    here, there = Windows(4, url=redis.url), Windows(4, url=redis.url)
    taken = [windows.take("ada").remaining for windows in (here, there, here, there)]
    assert taken == [3, 2, 1, 0]

    refused = here.take("ada")
    assert not refused.admitted
    assert 1 <= refused.wait_s <= 60


def test_while_redis_is_away_each_host_counts_alone_and_says_so_once(redis, events):
    windows = Windows(3, url=redis.url)
    windows.take("ada")
    redis.stop()

    assert [windows.take("ada").admitted for _ in range(4)] == [True, True, True, False]
    assert events() == ["rate_limits.unshared"]


def test_when_redis_is_back_it_is_used_again_after_a_pause(redis, events):
    passed = [timedelta()]
    windows = Windows(3, url=redis.url, clock=lambda: utc_now() + passed[0])
    redis.stop()
    windows.take("ada")
    redis.start()
    windows.take("ada")
    assert events() == ["rate_limits.unshared"]

    passed[0] = timedelta(seconds=11)
    assert windows.take("ada").remaining == 2
    assert events() == ["rate_limits.unshared", "rate_limits.shared_again"]


def test_a_redis_that_says_nothing_costs_little(events):
    pytest.importorskip("redis", reason="the extra 'redis' is not installed")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        windows = Windows(60, url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        started = time.perf_counter()
        assert all(windows.take("ada").admitted for _ in range(50))
    assert time.perf_counter() - started < 2.0
    assert events() == ["rate_limits.unshared"]
