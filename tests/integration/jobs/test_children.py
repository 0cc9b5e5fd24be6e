"""Real child processes: what becomes of work when they answer, refuse, hang or die."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path

import pytest

from stemwright.errors import AudioTooShort, Cancelled, ChildDied
from stemwright.jobs.children import ChildPool, TookTooLong
from support import odd_child

TESTS = Path(odd_child.__file__).parents[1]


def pool(**options):
    environ = {**os.environ, "PYTHONPATH": str(TESTS)}
    return ChildPool([sys.executable, "-m", "support.odd_child"], environ, **options)


@pytest.fixture
def children():
    children = pool()
    yield children
    children.close()


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_child_answers_tells_how_far_it_is_and_stays_for_more(children):
    told = []

    first = children.ask("echo", {"say": "ü"}, progress=lambda *said: told.append(said))
    second = children.ask("echo", {"say": "more"})

    assert first["said"] == "ü"
    assert told == [("echo", 0.5)]
    assert second["pid"] == first["pid"]


def test_an_error_arrives_as_the_class_it_was_with_the_songs_name_for_its_path(children):
    with pytest.raises(AudioTooShort, match=r"^Hit\.mp3 is short\.$") as caught:
        children.ask("refuse", {"song": "/var/scratch/input.mp3", "name": "Hit.mp3"})

    assert caught.value.min_duration_s == 5
    assert children.ask("echo", {"say": "on"})["said"] == "on"


def test_work_that_kills_a_child_is_tried_on_one_more(children, tmp_path):
    done = children.ask("die_once", {"mark": str(tmp_path / "mark")})

    assert done["said"] == "alive"


def test_work_that_kills_two_children_is_given_up(children):
    with pytest.raises(ChildDied, match="lack of memory"):
        children.ask("die", {})


def test_an_idle_child_that_was_killed_is_replaced(children):
    first = children.ask("echo", {"say": ""})["pid"]
    os.kill(first, 9)

    assert children.ask("echo", {"say": ""})["pid"] != first


def test_a_cancelled_child_is_killed_at_once(children):
    reported = threading.Event()

    with pytest.raises(Cancelled):
        children.ask(
            "wait",
            {},
            progress=lambda *_: reported.set(),
            cancelled=reported.is_set,
        )


def test_a_child_that_takes_too_long_is_killed_and_not_tried_again(children):
    children.ask("echo", {"say": "warm"})

    with pytest.raises(ChildDied, match="too long"):
        children.ask("wait", {}, timeout_s=0.3)


def test_a_child_that_never_stops_telling_is_cancelled_and_timed_out_all_the_same(children):
    told = []

    with pytest.raises(Cancelled):
        children.ask("babble", {}, progress=lambda *said: told.append(said), cancelled=told.copy)
    with pytest.raises(ChildDied, match="too long"):
        children.ask("babble", {}, timeout_s=0.3)


def test_a_child_whose_progress_could_not_be_passed_on_is_not_used_again(children):
    pid = children.ask("echo", {"say": ""})["pid"]

    with pytest.raises(ZeroDivisionError):
        children.ask("babble", {}, progress=lambda *_: 1 // 0)

    assert gone(pid)
    assert children.ask("echo", {"say": "anew"})["said"] == "anew"


def test_a_child_that_wants_more_memory_than_it_may_have_dies_and_another_goes_on(children):
    with pytest.raises(ChildDied, match="lack of memory"):
        children.ask("hoard", {})

    assert children.ask("echo", {"say": "on"})["said"] == "on"


def test_what_libraries_print_does_not_disturb_the_line(children):
    assert children.ask("chatter", {}) == {"said": "done"}


def test_a_child_ends_when_its_parent_lets_go(children):
    pid = children.ask("echo", {"say": ""})["pid"]

    children.close()

    assert gone(pid)


def test_children_are_replaced_after_so_many_pieces_of_work():
    children = pool(most_served=1)

    first, second = (children.ask("echo", {"say": ""})["pid"] for _ in range(2))
    children.close()

    assert first != second
    assert gone(first)


def test_bored_children_are_let_go():
    told = []
    children = pool(idle_s=0.0, changed=told.append)
    pid = children.ask("echo", {"say": ""})["pid"]

    children.tidy()

    assert gone(pid)
    assert told[0] == {}  # nothing is in memory before a child has said so
    assert {"a model": 1} in told
    assert told[-1] == {}


def test_more_work_than_children_waits_its_turn(children):
    with pytest.raises(Cancelled, match="waiting"):
        _while_busy(children, lambda: children.ask("echo", {"say": ""}, cancelled=lambda: True))


def _while_busy(children, work):
    begun, stop = threading.Event(), threading.Event()

    def occupy():
        with pytest.raises(Cancelled):
            children.ask("wait", {}, progress=lambda *_: begun.set(), cancelled=stop.is_set)

    busy = threading.Thread(target=occupy)
    busy.start()
    begun.wait(30)
    try:
        work()
    finally:
        stop.set()
        busy.join()


def test_a_child_that_says_nothing_any_more_is_killed():
    children = pool(silence_s=0.5)

    with pytest.raises(TookTooLong):
        children.ask("wait", {})
    children.close()


def test_the_wait_for_a_free_child_counts_as_well(children):
    busy, stop = threading.Event(), threading.Event()
    holding = threading.Thread(target=_held, args=(children, busy, stop))
    holding.start()
    busy.wait()

    with pytest.raises(TookTooLong, match="free"):
        children.ask("echo", {"say": ""}, timeout_s=0.2)
    stop.set()
    holding.join()


def _held(children, busy, stop):
    with contextlib.suppress(Cancelled):
        children.ask("wait", {}, progress=lambda *_: busy.set(), cancelled=stop.is_set)
