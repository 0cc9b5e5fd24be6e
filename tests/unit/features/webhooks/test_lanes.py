import pytest

from stemwright.features.webhooks.lanes import Lanes


class Seconds:
    """A monotonic clock that a test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def seconds():
    return Seconds()


def silent(lanes, host="dead", owner="me"):
    assert lanes.enter(host, owner) == 0
    lanes.leave(host, owner, took_s=10.0, answered=False)


def test_a_host_takes_so_many_at_once_and_another_host_is_free(seconds):
    lanes = Lanes(per_host=2, per_owner=9, now=seconds)
    assert [lanes.enter("a", "me") > 0 for _ in range(3)] == [False, False, True]
    assert lanes.enter("b", "me") == 0


def test_an_account_takes_so_many_at_once_over_all_hosts(seconds):
    lanes = Lanes(per_host=9, per_owner=2, now=seconds)
    assert [lanes.enter(host, "me") > 0 for host in "abc"] == [False, False, True]
    assert lanes.enter("d", "you") == 0
    lanes.leave("a", "me", took_s=0.1, answered=True)
    assert lanes.enter("c", "me") == 0


def test_a_host_that_kept_us_waiting_is_closed_and_then_tried_by_one(seconds):
    lanes = Lanes(now=seconds)
    silent(lanes)
    assert lanes.enter("dead", "me") >= 5
    seconds.now += 5
    assert lanes.enter("dead", "me") == 0
    assert lanes.enter("dead", "me") > 0


def test_a_closed_host_is_closed_longer_each_time_up_to_a_limit(seconds):
    lanes, pauses = Lanes(now=seconds), []
    for _ in range(7):
        silent(lanes)
        before = seconds.now
        while lanes.enter("dead", "me") > 0:
            seconds.now += 1
        lanes.leave("dead", "me", took_s=10.0, answered=False)
        pauses.append(seconds.now - before)
        seconds.now += 120
    assert pauses[:2] == [5, 20]
    assert max(pauses) == 120


def test_an_answer_opens_a_host_again(seconds):
    lanes = Lanes(per_host=3, now=seconds)
    silent(lanes)
    seconds.now += 5
    assert lanes.enter("dead", "me") == 0
    lanes.leave("dead", "me", took_s=0.1, answered=True)
    assert [lanes.enter("dead", "me") for _ in range(3)] == [0, 0, 0]


def test_a_refused_connection_holds_nobody_up_and_closes_nothing(seconds):
    lanes = Lanes(now=seconds)
    lanes.enter("refusing", "me")
    lanes.leave("refusing", "me", took_s=0.01, answered=False)
    assert lanes.enter("refusing", "me") == 0


def test_a_thousand_who_wait_for_a_dead_host_come_back_one_after_the_other(seconds):
    lanes = Lanes(now=seconds)
    silent(lanes)
    waits = [lanes.enter("dead", "me") for _ in range(1000)]
    assert waits[:3] == [15, 25, 35]
    assert max(waits) == 600


def test_those_who_wait_for_a_quick_host_are_soon_back(seconds):
    lanes = Lanes(per_host=1, now=seconds)
    for _ in range(2):
        lanes.enter("quick", "me")
        lanes.leave("quick", "me", took_s=0.005, answered=True)
    lanes.enter("quick", "me")
    assert max(lanes.enter("quick", "me") for _ in range(100)) < 1


def test_hosts_at_rest_are_forgotten_also_dead_ones_in_the_end(seconds):
    lanes = Lanes(now=seconds)
    for number in range(3000):
        lanes.enter(f"well-{number}", "me")
        lanes.leave(f"well-{number}", "me", took_s=0.1, answered=True)
    assert len(lanes._hosts) == 0
    for number in range(3000):
        silent(lanes, f"dead-{number}")
    assert len(lanes._hosts) <= 1001
    assert lanes._owners == {}
