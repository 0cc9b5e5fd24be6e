"""What stops a song on its way through lalal.ai, or only holds it up."""

from datetime import UTC, datetime
from threading import Event

import pytest

from stemwright.errors import (
    Cancelled,
    LalalaiCancelled,
    LalalaiFailed,
    LalalaiQuota,
    LalalaiRejected,
    LalalaiTimeout,
    LalalaiUnavailable,
)
from stemwright.features.lalalai.licences import LicenceKey
from stemwright.features.lalalai.orders import order_of
from support.lalalai_bench import SHARED
from support.lalalai_server import Fault

VOCALS = order_of("htdemucs", stem_filter="vocals", name="track-1")
FOUR = order_of("htdemucs")
SIX = order_of("htdemucs_6s")


# ------------------------------------------------------------------------------ trying again


def test_a_service_out_of_order_is_tried_again_and_the_job_says_so(bench, server, kept):
    server.fails("upload", 503, 503)
    begun = bench.time.now()
    bench.split(VOCALS, kept.remembered())
    said = "lalal.ai is temporarily unavailable (HTTP 503). Next try in"
    assert kept.notes == [f"{said} 30 s.", f"{said} 60 s.", None]
    assert 90 <= bench.time.now() - begun < 120


@pytest.mark.parametrize(
    "operation", ["upload", "limits/minutes_left", "split/stem_separator", "check", "vocals"]
)
@pytest.mark.parametrize("fault", [Fault(), Fault(429), Fault(500), Fault(504), Fault(408)])
def test_no_step_minds_a_fault_that_passes(bench, server, kept, operation, fault):
    server.fails(operation, fault)
    assert set(bench.split(VOCALS, kept.remembered())) == {"vocals", "instrumental"}
    assert len(server.service.tasks) == 1
    assert kept.endings == []


def test_a_wait_that_they_name_is_kept(bench, server, kept):
    server.fails("upload", Fault(429, headers={"Retry-After": "7"}))
    bench.split(VOCALS, kept.remembered())
    assert kept.notes[0].endswith("Next try in 7 s.")


def test_ten_failures_are_enough_for_a_job(bench, server, kept):
    server.fails("upload", *[503] * 6)
    server.fails("limits/minutes_left", *[503] * 6)
    with pytest.raises(LalalaiUnavailable):
        bench.split(VOCALS, kept.remembered())
    assert len(server.asked("upload")) + len(server.asked("limits/minutes_left")) == 7 + 4
    assert kept.endings == ["failed"]


def test_more_checks_than_they_allow_only_make_it_slower(bench, server, kept):
    account = server.service.accounts[SHARED]
    account.checks.extend([bench.time.now()] * 30)
    bench.split(VOCALS, kept.remembered())
    assert "HTTP 429" in kept.notes[0]


# ------------------------------------------------------------------------------------ the end


def test_a_task_that_fails_inside_a_good_answer_fails_the_job_and_leaves_nothing(
    bench, server, kept
):
    server.service.scripts.append((0, 37, "error"))
    with pytest.raises(LalalaiFailed, match="no voice found"):
        bench.split(VOCALS, kept.remembered())
    assert server.operations()[-1] == "delete"
    assert kept.endings == ["failed"]
    assert len(server.service.tasks) == 1


def test_too_few_minutes_end_it_before_the_order(bench, server, kept):
    server.service.accounts[SHARED].minutes = 11.0
    server.service.duration_s = 240
    with pytest.raises(LalalaiQuota, match="11 minutes left and this takes 12"):
        bench.split(FOUR, kept.remembered())
    assert server.operations() == ["upload", "limits/minutes_left", "delete"]
    assert server.service.tasks == {}


@pytest.mark.parametrize(
    ("limit", "kind"), [({"longest_s": 0.5}, LalalaiQuota), ({"most_bytes": 9}, LalalaiQuota)]
)
def test_what_the_plan_does_not_allow_is_not_tried_again(bench, server, kept, limit, kind):
    for name, value in limit.items():
        setattr(server.service.accounts[SHARED], name, value)
    with pytest.raises(kind):
        bench.split(VOCALS, kept.remembered())
    assert bench.time.slept == []


def test_a_key_they_do_not_know_ends_it_at_once(bench, server, kept):
    with pytest.raises(LalalaiRejected):
        bench.split(VOCALS, kept.remembered(LicenceKey("own", "unknown")))
    assert server.operations() == ["upload"]


def test_a_task_cancelled_over_there_ends_without_another_try(bench, server, kept):
    server.service.scripts.append((0, 37, "cancelled"))
    with pytest.raises(LalalaiCancelled, match=r"^cancelled$"):
        bench.split(VOCALS, kept.remembered())
    assert kept.endings == ["cancelled"]
    assert server.operations()[-1] == "delete"


def test_a_task_they_lost_fails(bench, server, kept):
    server.service.scripts.append((0, "server_error"))
    with pytest.raises(LalalaiFailed, match="knows nothing of the task"):
        bench.split(VOCALS, kept.remembered())


def test_a_task_they_mislay_for_a_moment_is_waited_for(bench, server, kept):
    server.service.scripts.append((0, "server_error", "server_error", 37, "success"))
    assert bench.split(VOCALS, kept.remembered())


def test_a_task_that_stands_still_is_cancelled_and_deleted(bench, server, kept):
    server.service.scripts.append((0, 37))
    with pytest.raises(LalalaiTimeout):
        bench.split(VOCALS, kept.remembered())
    assert server.operations()[-2:] == ["cancel", "delete"]
    (task,) = server.service.tasks.values()
    assert (task.cancelled, task.source.deleted) == (True, True)


def test_deleting_is_tried_and_its_failure_only_logged(bench, server, kept, caplog):
    server.service.scripts.append((0, "error"))
    server.fails("delete", 500)
    with pytest.raises(LalalaiFailed):
        bench.split(VOCALS, kept.remembered())
    assert "did not delete" in caplog.text


def test_an_operator_may_leave_what_is_there(bench, server, kept):
    bench.splitter = bench.new_splitter(keep_remote=True)
    server.service.scripts.append((0, "error"))
    with pytest.raises(LalalaiFailed):
        bench.split(VOCALS, kept.remembered())
    assert server.asked("delete") == []


def test_an_old_task_counts_its_two_hours_from_its_begin(bench, server, kept):
    _, remembered = bench.with_task()
    remembered.task_began_at = datetime.fromtimestamp(bench.time.now() - 7300, UTC)
    with pytest.raises(LalalaiTimeout):
        bench.split(VOCALS, remembered)


# ---------------------------------------------------------------------------------- cancelling


def test_who_cancels_while_it_runs_stops_the_task_over_there(bench, server, kept):
    wanted = Event()
    bench.time.after(7, wanted.set)
    with pytest.raises(Cancelled):
        bench.split(VOCALS, kept.remembered(), cancelled=wanted.is_set)
    (task,) = server.service.tasks.values()
    assert (task.cancelled, task.source.deleted) == (True, True)
    assert kept.endings == ["cancelled"]


def test_who_cancels_during_the_upload_has_begun_nothing(bench, server, kept):
    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        bench.split(
            VOCALS,
            kept.remembered(),
            cancelled=lambda: next(answers, True),
            song=bench.song(seconds=10),
        )
    assert server.service.sources == {}


def test_who_cancels_while_it_waits_for_another_try_waits_no_longer(bench, server, kept):
    server.fails("upload", 503)
    wanted, begun = Event(), bench.time.now()
    bench.time.after(3, wanted.set)
    with pytest.raises(Cancelled):
        bench.split(VOCALS, kept.remembered(), cancelled=wanted.is_set)
    assert bench.time.now() - begun < 4
    assert kept.notes[-1] is None


def test_an_attempt_that_was_overtaken_leaves_the_task_to_the_other(bench, server, kept):
    remembered, wanted = kept.remembered(), Event()
    kept.overtaken = True
    bench.time.after(7, wanted.set)
    with pytest.raises(Cancelled):
        bench.split(VOCALS, remembered, cancelled=wanted.is_set)
    (task,) = server.service.tasks.values()
    assert (task.cancelled, task.source.deleted, kept.endings) == (False, False, [])
