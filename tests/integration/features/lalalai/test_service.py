"""Keys, quota and cancelling: whose is whose, and what a job's end leaves behind."""

import logging
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from stemwright.errors import (
    JobNotFound,
    JobStateConflict,
    LalalaiNotConfigured,
    LalalaiRefused,
    LalalaiRejected,
    LalalaiUnavailable,
    OptionError,
)
from stemwright.features.lalalai.orders import order_of
from stemwright.features.lalalai.service import Quota
from stemwright.jobs.service import Outcome
from stemwright.kit.redaction import redact
from stemwright.kit.sealing import Sealer
from support.lalalai_bench import ALICE, BOB, OWN, SHARED
from support.lalalai_server import Fault

VOCALS = order_of("htdemucs", stem_filter="vocals")


# ---------------------------------------------------------------------------------------- keys


def test_ones_own_key_comes_before_the_systems_and_that_before_the_servers(bench):
    keys = bench.keys
    assert keys.resolve(ALICE).origin == "global"
    keys.system = "system-licence"
    assert keys.resolve(ALICE).value == "system-licence"
    keys.enter(ALICE, f" {OWN}\n")
    assert (keys.resolve(ALICE).origin, keys.resolve(ALICE).value) == ("own", OWN)
    assert keys.resolve(BOB).origin == "system"
    assert (keys.has_own(ALICE), keys.has_own(BOB)) == (True, False)


@pytest.mark.parametrize("nothing", ["", "  "])
def test_an_empty_key_is_none(bench, nothing):
    bench.keys.system = bench.keys.shared = nothing
    with pytest.raises(LalalaiNotConfigured, match=r"^lalal\.ai API key not configured"):
        bench.keys.resolve(ALICE)


def test_a_key_can_be_replaced_and_removed(bench):
    bench.keys.enter(ALICE, "first")
    bench.keys.enter(ALICE, "second")
    assert bench.keys.resolve(ALICE).value == "second"
    bench.keys.remove(ALICE)
    bench.keys.remove(ALICE)
    assert bench.keys.resolve(ALICE).origin == "global"


@pytest.mark.parametrize("value", ["", "two words", "schlüssel", "a\nb", "x" * 257])
def test_what_cannot_be_a_key_is_not_kept(bench, value):
    with pytest.raises(OptionError):
        bench.keys.enter(ALICE, value)


def test_a_key_lies_in_the_database_sealed_and_for_its_owner_alone(bench):
    bench.keys.enter(ALICE, OWN)
    with bench.database.transaction() as session:
        rows = session.execute(text("SELECT * FROM lalalai_keys")).all()
        assert OWN not in str(rows)
        session.execute(text("UPDATE lalalai_keys SET owner = :bob"), {"bob": BOB})
    with pytest.raises(LalalaiRejected, match="enter it again"):
        bench.keys.resolve(BOB)


def test_a_key_that_cannot_be_opened_is_not_replaced_by_the_servers(bench):
    bench.keys.enter(ALICE, OWN)
    bench.keys.sealer = Sealer(b"another secret of the instance")
    with pytest.raises(LalalaiRejected):
        bench.lalalai.begin(bench.running())


# --------------------------------------------------------------------------------- runs of jobs


def test_a_task_is_asked_for_with_the_key_that_began_it(bench, server):
    job, _ = bench.with_task()
    server.account(OWN)
    bench.keys.enter(ALICE, OWN)
    bench.split(VOCALS, bench.lalalai.begin(job))
    assert {heard.headers["x-license-key"] for heard in server.asked("check")} == {SHARED}


def test_a_task_whose_key_is_gone_cannot_be_gone_on_with(bench):
    job, _ = bench.with_task()
    bench.keys.shared = "another"
    with pytest.raises(LalalaiRejected, match="removed or replaced"):
        bench.lalalai.begin(job)


def test_a_run_without_a_task_begins_anew_with_another_key(bench):
    job = bench.running()
    bench.lalalai.begin(job)
    bench.keys.shared = "another"
    assert bench.lalalai.begin(job).key.value == "another"


def test_a_job_shows_its_task_and_why_it_waits(bench):
    job, remembered = bench.with_task()
    remembered.tell("lalal.ai is asked too often. Next try in 30 s.")
    standing = bench.lalalai.standing(job.id)
    assert (standing.task_id, standing.key_origin) == (remembered.task_id, "global")
    assert standing.note.endswith("Next try in 30 s.")
    remembered.tell(None)
    assert bench.lalalai.standing(job.id).note is None
    assert bench.lalalai.standing("job_unknown") is None


def test_the_song_is_deleted_over_there_when_the_job_has_ended_and_not_before(bench, server):
    job = bench.running()
    bench.split(VOCALS, bench.lalalai.begin(job))
    assert server.asked("delete") == []
    assert bench.jobs.complete(job, Outcome())
    bench.lalalai.leave(bench.jobs.find(None, job.id))
    (source,) = server.service.sources.values()
    assert source.deleted
    assert server.asked("cancel") == []
    bench.lalalai.leave(bench.jobs.find(None, job.id))
    assert len(server.asked("delete")) == 1


def test_stems_lost_before_the_job_ended_are_fetched_and_not_split_again(bench, server):
    job = bench.running()
    bench.split(VOCALS, bench.lalalai.begin(job))
    again = bench.jobs.begin(job.id)
    assert bench.split(VOCALS, bench.lalalai.begin(again))
    assert len(server.service.tasks) == 1


def test_what_a_dead_worker_left_running_is_stopped(bench, server):
    job, remembered = bench.with_task()
    assert bench.jobs.fail(job, "job.abandoned", "died")
    bench.lalalai.leave(bench.jobs.find(None, job.id))
    assert server.service.tasks[remembered.task_id].cancelled
    assert server.operations()[-2:] == ["cancel", "delete"]


def test_a_job_ends_in_peace_though_its_key_is_gone(bench, caplog):
    job, _ = bench.with_task()
    bench.keys.shared = ""
    assert bench.jobs.fail(job, "x", "y")
    bench.lalalai.leave(bench.jobs.find(None, job.id))
    assert "keeps a task" in caplog.text


def test_a_job_that_is_retried_begins_a_task_of_its_own(bench, server):
    server.service.scripts.append((0, "error"))
    job = bench.running()
    with pytest.raises(Exception, match="no voice"):
        bench.split(VOCALS, bench.lalalai.begin(job))
    again = bench.lalalai.begin(job)
    assert (again.task_id, again.source, again.idempotency_key) == (None, None, None)


def test_an_attempt_knows_when_another_has_begun(bench):
    job = bench.running()
    remembered = bench.lalalai.begin(job)
    assert not remembered.is_overtaken()
    bench.jobs.begin(job.id)
    assert remembered.is_overtaken()


def test_the_key_is_in_no_log_no_row_and_no_address_of_a_track(bench, server, caplog):
    server.account(OWN)
    bench.keys.enter(ALICE, OWN)
    server.fails("check", 500)
    with caplog.at_level(logging.DEBUG):
        bench.split(VOCALS, bench.lalalai.begin(bench.running()))
        bench.lalalai.quota(ALICE)
    with bench.database.reading() as session:
        rows = [
            session.execute(text(f"SELECT * FROM {table}")).all()  # noqa: S608
            for table in ("jobs", "lalalai_splits", "lalalai_keys")
        ]
    assert OWN not in caplog.text + str(rows) + str(server.cdn_heard)
    assert OWN not in redact(f"sent X-License-Key: {OWN}")


# ------------------------------------------------------------------------------------ cancelling


@pytest.mark.parametrize("by", ["task", "job"])
def test_a_job_is_cancelled_by_its_task_or_by_its_own_id(bench, server, by):
    job, remembered = bench.with_task()
    stopped = bench.lalalai.cancel(ALICE, remembered.task_id if by == "task" else job.id)
    assert (stopped.job_ids, stopped.task_ids) == ((job.id,), (remembered.task_id,))
    assert server.service.tasks[remembered.task_id].cancelled
    assert bench.jobs.report(job, 50, None) is False


def test_cancelling_uses_the_key_that_began_the_task(bench, server):
    _, remembered = bench.with_task()
    server.account(OWN)
    bench.keys.enter(ALICE, OWN)
    bench.lalalai.cancel(ALICE, remembered.task_id)
    assert server.asked("cancel")[0].headers["x-license-key"] == SHARED


def test_who_shares_a_key_still_sees_only_his_own_tasks(bench, server):
    job, remembered = bench.with_task(ALICE)
    for known in (remembered.task_id, job.id):
        with pytest.raises(JobNotFound):
            bench.lalalai.cancel(BOB, known)
    assert server.asked("cancel") == []


@pytest.mark.parametrize("unknown", ["0f6c1c0a-5d0e-4f54-a8f6-3b1c2f3e4d55", "", "a/b", "ü"])
def test_an_unknown_task_is_not_found(bench, unknown):
    with pytest.raises(JobNotFound):
        bench.lalalai.cancel(ALICE, unknown)


def test_a_job_of_another_engine_is_none_of_ours(bench):
    job = bench.job(engine="local")
    with pytest.raises(JobNotFound):
        bench.lalalai.cancel(ALICE, job.id)


def test_a_job_that_waits_or_uploads_is_cancelled_here(bench, server):
    waiting, uploading = bench.job(), bench.running()
    bench.lalalai.begin(uploading)
    for job in (waiting, uploading):
        assert bench.lalalai.cancel(ALICE, job.id).task_ids == ()
    assert bench.jobs.find(ALICE, waiting.id).status == "cancelled"
    assert bench.jobs.report(uploading, 5, None) is False
    assert server.heard == []


def test_a_task_that_is_through_is_a_conflict_until_our_job_is_stopped_too(bench, server):
    job, remembered = bench.with_task()
    server.service.tasks[remembered.task_id].script = ("success",)
    with pytest.raises(JobStateConflict, match="not in progress"):
        bench.lalalai.cancel(ALICE, remembered.task_id)
    assert bench.jobs.report(job, 50, None)
    bench.jobs.cancel(job.id)
    bench.jobs.stopped(job)
    assert bench.lalalai.cancel(ALICE, remembered.task_id).job_ids == (job.id,)


def test_a_completed_job_cannot_be_cancelled(bench):
    job, remembered = bench.with_task()
    assert bench.jobs.complete(job, Outcome())
    with pytest.raises(JobStateConflict):
        bench.lalalai.cancel(ALICE, remembered.task_id)


def test_another_refusal_of_theirs_is_told_as_it_is(bench, server):
    _, remembered = bench.with_task()
    server.service.tasks[remembered.task_id].key = "somebody"
    with pytest.raises(LalalaiRefused, match="Permission denied"):
        bench.lalalai.cancel(ALICE, remembered.task_id)


def test_cancelling_while_they_are_down_fails_and_says_so(bench, server):
    _, remembered = bench.with_task()
    server.fails("cancel", 503)
    with pytest.raises(LalalaiUnavailable):
        bench.lalalai.cancel(ALICE, remembered.task_id)


def test_all_of_ones_own_jobs_are_cancelled_and_nobody_elses(bench, server):
    mine = [bench.with_task(ALICE), bench.with_task(ALICE)]
    theirs, waiting, local = bench.with_task(BOB), bench.job(ALICE), bench.job(engine="local")
    stopped = bench.lalalai.cancel_all(ALICE)
    assert set(stopped.job_ids) == {waiting.id, *(job.id for job, _ in mine)}
    assert set(stopped.task_ids) == {remembered.task_id for _, remembered in mine}
    assert len(server.asked("cancel")) == 1
    assert server.asked("cancel/all") == []
    assert not server.service.tasks[theirs[1].task_id].cancelled
    assert bench.jobs.find(ALICE, local.id).status == "queued"


def test_tasks_of_two_keys_are_cancelled_with_two_calls(bench, server):
    bench.with_task(ALICE)
    server.account(OWN)
    bench.keys.enter(ALICE, OWN)
    bench.with_task(ALICE)
    assert len(bench.lalalai.cancel_all(ALICE).task_ids) == 2
    keys = {heard.headers["x-license-key"] for heard in server.asked("cancel")}
    assert keys == {OWN, SHARED}


def test_tasks_of_two_keys_that_are_through_are_left_alone(bench, server):
    server.service.usual = ("success",)
    jobs = [bench.with_task(ALICE)[0]]
    server.account(OWN)
    bench.keys.enter(ALICE, OWN)
    jobs.append(bench.with_task(ALICE)[0])
    assert bench.lalalai.cancel_all(ALICE).job_ids == ()
    assert all(bench.jobs.report(job, 50, None) for job in jobs)


def test_nothing_to_cancel_is_no_error(bench, server):
    assert bench.lalalai.cancel_all(ALICE).job_ids == ()
    assert server.heard == []


def test_all_are_stopped_here_though_they_are_down(bench, server):
    job, remembered = bench.with_task()
    server.fails("cancel", 503)
    assert bench.lalalai.cancel_all(ALICE).task_ids == (remembered.task_id,)
    assert bench.jobs.report(job, 50, None) is False


def test_a_task_that_is_through_is_not_counted_among_the_cancelled(bench, server):
    job, remembered = bench.with_task()
    server.service.tasks[remembered.task_id].script = ("success",)
    assert bench.lalalai.cancel_all(ALICE).job_ids == ()
    assert bench.jobs.report(job, 50, None)


# ----------------------------------------------------------------------------------------- quota


def test_the_three_numbers_come_from_both_apis(bench, server):
    account = server.service.accounts[SHARED]
    account.minutes, account.limit, account.used = 287.5, 300.0, 12.5
    assert bench.lalalai.quota(ALICE) == Quota(300, 12.5, 287.5)
    assert isinstance(bench.lalalai.quota(ALICE).quota_minutes, int)


@pytest.mark.parametrize("off", [True, False])
def test_without_the_older_one_this_months_own_jobs_are_counted(bench, server, off):
    server.service.accounts[SHARED].minutes = 100.129
    bench.lalalai.legacy_billing = not off
    server.fails("billing", Fault())
    bench.time.seconds = datetime(2033, 4, 30, 23, 0, tzinfo=UTC).timestamp()
    bench.with_task()
    bench.time.seconds = datetime(2033, 5, 1, 1, 0, tzinfo=UTC).timestamp()
    bench.with_task()
    _, remembered = bench.with_task(BOB)
    remembered.began(remembered.task_id, bench.time.clock(), 12.25)
    left = round(server.service.accounts[SHARED].minutes, 2)
    quota = bench.lalalai.quota(ALICE)
    assert quota.used_minutes == 12.75
    assert quota.remaining_minutes == left
    assert quota.quota_minutes == pytest.approx(12.75 + left, abs=0.011)
    assert len([heard for heard in server.heard if "billing" in heard.path]) == (not off)


def test_it_is_asked_for_once_a_minute_and_after_each_task(bench, server):
    def questions():
        bench.lalalai.quota(ALICE)
        return len(server.asked("limits/minutes_left"))

    assert [questions(), questions()] == [1, 1]
    bench.time.seconds += 61
    assert questions() == 2
    _, remembered = bench.with_task()
    bench.time.seconds += 1
    assert [questions(), questions()] == [3, 3]
    remembered.end("failed")
    assert questions() == 4


def test_a_quota_is_of_ones_own_key(bench, server):
    server.account(OWN, minutes=7.0)
    bench.keys.enter(ALICE, OWN)
    assert bench.lalalai.quota(ALICE).remaining_minutes == 7
    assert bench.lalalai.quota(BOB).remaining_minutes == 1000


def test_without_a_key_there_is_no_quota(bench, server):
    bench.keys.shared = ""
    with pytest.raises(LalalaiNotConfigured) as refused:
        bench.lalalai.quota(ALICE)
    assert (refused.value.http_status, server.heard) == (503, [])


def test_a_quota_they_do_not_tell_is_an_error_of_theirs(bench, server):
    server.fails("limits/minutes_left", 500)
    with pytest.raises(LalalaiUnavailable, match=r"lalal\.ai API returned HTTP 500") as refused:
        bench.lalalai.quota(ALICE)
    assert refused.value.http_status == 502
