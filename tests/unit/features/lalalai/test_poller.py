"""Which questions are asked and when, on a clock that passes only in sleep."""

from itertools import pairwise

import pytest

from stemwright.errors import (
    Cancelled,
    LalalaiRejected,
    LalalaiTimeout,
    LalalaiUnavailable,
)
from stemwright.features.lalalai.poller import Poller
from stemwright.features.lalalai.replies import TaskState
from support.lalalai_bench import FakeTime

RUNNING = TaskState("progress", 10)
DONE = TaskState("success")
UNKNOWN = TaskState("server_error", detail="not known")
ID = "11111111-1111-4111-8111-111111111111"


class Service:
    """Answers each question from a list; the last answer stays."""

    def __init__(self, time, *answers):
        self.time = time
        self.answers = list(answers)
        self.asked = []

    def __call__(self, ids):
        self.asked.append((self.time.now(), list(ids)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return dict.fromkeys(ids, answer)

    @property
    def gaps(self):
        times = [at for at, _ in self.asked]
        return [after - before for before, after in pairwise(times)]


@pytest.fixture
def time():
    return FakeTime()


def _watch(service, time, *, age_s=0.0, progress=lambda _: None, tell=lambda _: None, **more):
    poller = Poller(service, time.now, time.sleep)
    cancelled = more.get("cancelled", lambda: False)
    watched = poller.add(ID, age_s)
    return poller.wait(watched, progress=progress, tell=tell, cancelled=cancelled)


def test_a_young_task_is_asked_for_every_five_seconds_and_an_older_one_every_ten(time):
    service = Service(time, *[TaskState("progress", n) for n in range(40)], DONE)
    assert _watch(service, time) == DONE
    assert service.gaps[:23] == [5.0] * 23
    assert set(service.gaps[25:]) == {10.0}


def test_no_fifteen_questions_are_asked_within_a_minute(time):
    service = Service(time, *[TaskState("progress", n) for n in range(30)], DONE)
    _watch(service, time)
    times = [at for at, _ in service.asked]
    assert max(sum(1 for at in times if start <= at < start + 60) for start in times) <= 15


def test_progress_is_told_as_it_comes(time):
    seen = []
    service = Service(time, TaskState("progress"), TaskState("progress", 37), DONE)
    _watch(service, time, progress=seen.append)
    assert list(dict.fromkeys(seen)) == [0, 37]


def test_all_tasks_are_asked_for_together_and_no_more_than_200(time):
    service = Service(time, RUNNING)
    poller = Poller(service, time.now, time.sleep)
    for number in range(450):
        poller.add(f"task {number}")
    for _ in range(3):
        poller.turn()
        time.seconds += 5
    assert [len(ids) for _, ids in service.asked] == [200, 200, 200]
    assert len({task for _, ids in service.asked for task in ids}) == 450


def test_who_looks_too_early_asks_nothing(time):
    service = Service(time, RUNNING)
    poller = Poller(service, time.now, time.sleep)
    poller.add(ID)
    for _ in range(10):
        poller.turn()
    assert len(service.asked) == 1


def test_a_task_they_do_not_know_three_times_is_lost(time):
    service = Service(time, UNKNOWN, UNKNOWN, RUNNING, UNKNOWN, UNKNOWN, UNKNOWN)
    assert _watch(service, time) == UNKNOWN
    assert len(service.asked) == 6


def test_a_service_that_is_busy_is_asked_later_each_time(time):
    busy, notes = LalalaiUnavailable("lalal.ai is asked too often (HTTP 429)."), []
    service = Service(time, *[busy] * 7, DONE)
    assert _watch(service, time, tell=notes.append) == DONE
    assert service.gaps == [30, 60, 120, 240, 480, 600, 600]
    assert notes[0] == "lalal.ai is asked too often (HTTP 429). Next try in 30 s."


def test_a_wait_that_the_service_names_is_kept(time):
    service = Service(time, LalalaiUnavailable("busy", retry_after_s=7), DONE)
    _watch(service, time)
    assert service.gaps == [7]


def test_an_outage_ends_the_wait_after_ten_questions(time):
    service = Service(time, LalalaiUnavailable("lalal.ai cannot be reached"))
    with pytest.raises(LalalaiUnavailable, match="reached"):
        _watch(service, time)
    assert len(service.asked) == 10


def test_an_outage_does_not_count_as_standing_still(time):
    down = LalalaiUnavailable("down")
    moving = [TaskState("progress", 10) for _ in range(100)]
    service = Service(time, RUNNING, *[down] * 8, *moving, DONE)
    assert _watch(service, time) == DONE


def test_a_task_that_does_not_move_for_20_minutes_is_given_up(time):
    service, begun = Service(time, RUNNING), time.now()
    with pytest.raises(LalalaiTimeout, match="10 %"):
        _watch(service, time)
    assert 1200 < time.now() - begun < 1220


def test_a_task_that_takes_two_hours_is_given_up_though_it_moves(time):
    begun = time.now()
    ticking = [TaskState("progress", n % 100) for n in range(2000)]
    with pytest.raises(LalalaiTimeout):
        _watch(Service(time, *ticking), time)
    assert 7200 < time.now() - begun < 7220


def test_the_two_hours_begin_with_the_task_and_not_with_this_process(time):
    with pytest.raises(LalalaiTimeout, match="121 minutes"):
        _watch(Service(time, RUNNING), time, age_s=7250)


def test_a_refused_key_ends_the_wait_at_once(time):
    service = Service(time, LalalaiRejected("no"))
    with pytest.raises(LalalaiRejected):
        _watch(service, time)
    assert len(service.asked) == 1


def test_who_is_cancelled_waits_no_longer(time):
    begun, answers = time.now(), iter([False, True])
    with pytest.raises(Cancelled):
        _watch(Service(time, RUNNING), time, cancelled=lambda: next(answers))
    assert time.now() - begun < 1
