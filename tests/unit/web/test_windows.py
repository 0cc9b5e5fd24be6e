import threading
from datetime import timedelta

import pytest

from stemwright.errors import OptionError
from stemwright.web.windows import UNLIMITED, Windows, WindowsInMemory
from support.task_queue import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


def _take(windows, times, caller="ada"):
    return [windows.take(caller) for _ in range(times)]


def test_sixty_requests_pass_and_the_next_waits_for_the_first_to_age(clock):
    windows = Windows(60, clock=clock)

    taken = _take(windows, 60)
    assert [allowance.remaining for allowance in taken] == list(range(59, -1, -1))
    clock.pass_s(12.5)
    refused = windows.take("ada")

    assert not refused.admitted
    assert (refused.remaining, refused.wait_s) == (0, 48)
    assert refused.resets_at == clock.now.timestamp() + 47.5


def test_whoever_waits_as_told_is_let_through(clock):
    windows = Windows(3, clock=clock)
    _take(windows, 1)
    clock.pass_s(20)
    _take(windows, 2)

    clock.pass_s(windows.take("ada").wait_s)
    assert [allowance.admitted for allowance in _take(windows, 2)] == [True, False]


def test_hammering_does_not_prolong_the_wait(clock):
    windows = Windows(2, clock=clock)
    _take(windows, 2)
    for _ in range(59):
        clock.pass_s(1)
        assert not windows.take("ada").admitted
    clock.pass_s(1)
    assert windows.take("ada").admitted


def test_no_sixty_seconds_hold_more_than_the_limit(clock):
    windows, passed = Windows(10, clock=clock), []
    for _ in range(400):
        clock.pass_s(0.7)
        if windows.take("ada").admitted:
            passed.append(clock.now)
    for start in passed:
        assert sum(start <= at < start + timedelta(seconds=60) for at in passed) <= 10


def test_callers_do_not_share_a_window(clock):
    windows = Windows(1, clock=clock)
    assert windows.take("ada").admitted
    assert windows.take("bob").admitted


def test_looking_does_not_count(clock):
    windows = Windows(1, clock=clock)
    assert [windows.look("ada").remaining for _ in range(3)] == [1, 1, 1]
    assert windows.take("ada").admitted
    assert not windows.look("ada").admitted


def test_without_a_limit_nothing_is_refused_and_there_still_are_numbers(clock):
    windows = Windows(0, clock=clock)
    allowance = _take(windows, 200)[-1]
    assert allowance.admitted
    assert (allowance.limit, allowance.remaining) == (UNLIMITED, UNLIMITED)


def test_threads_together_get_no_more_than_the_limit(clock):
    windows, admitted = Windows(60, clock=clock), []

    def hammer():
        admitted.extend(allowance.admitted for allowance in _take(windows, 25))

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(admitted), sum(admitted)) == (200, 60)


def test_callers_that_are_done_are_forgotten(clock):
    memory = WindowsInMemory(clock)
    for number in range(1000):
        memory.acquire_entry(str(number), 60, 60)
    clock.pass_s(61)
    memory.acquire_entry("new", 60, 60)
    assert len(memory) == 1


def test_memory_is_bounded_however_many_callers_come(clock):
    memory = WindowsInMemory(clock, most_callers=100)
    for number in range(1000):
        memory.acquire_entry(str(number), 60, 60)
    assert len(memory) == 100
    assert memory.get_moving_window("999", 60, 60)[1] == 1


def test_a_clock_set_back_locks_nobody_out(clock):
    windows = Windows(1, clock=clock)
    windows.take("ada")
    clock.pass_s(-3600)
    assert windows.take("ada").admitted


@pytest.mark.parametrize(
    "url", ["memcached://h:1", "h:6379", "http://h", "redis://h:port", "redis://h:99999999/x"]
)
def test_an_address_that_is_none_says_so_and_keeps_its_password(url):
    secret = url.replace("://h", "://me:hunter2@h")
    with pytest.raises(OptionError, match="STEMWRIGHT_RATE_LIMIT_URL") as caught:
        Windows(60, url=secret)
    assert "hunter2" not in str(caught.value)
