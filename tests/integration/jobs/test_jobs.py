"""The table of jobs: what may follow what, and what two processes at once may not spoil."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.errors import IdempotencyConflict, JobNotFound, JobStateConflict
from stemwright.jobs.job import Artefact, Idempotency
from stemwright.jobs.service import RUN_JOB, Jobs, NewJob, Outcome
from support.task_queue import FakeClock, FakeTaskQueue

STEM = Artefact("vocals", "jobs/a/1/vocals.mp3", "audio/mpeg", 3)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def queue(clock):
    return FakeTaskQueue(clock)


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    Table.metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def jobs(database, queue, clock):
    return Jobs(database, queue, clock=clock)


def created(jobs, owner="ann", **fields):
    with jobs.database.transaction() as session:
        return jobs.create(
            session, NewJob(kind="stems", owner=owner, request={}, facts={}, **fields)
        )


def test_a_new_job_waits_and_is_enqueued_once(jobs, queue, clock):
    job = created(jobs, cost=7)

    assert jobs.find("ann", job.id).status == "queued"
    assert job.cost == 7
    assert [waiting.args[0] for waiting in queue.waiting] == [job.id]
    assert job.created_at == clock()


def test_a_job_whose_transaction_fails_leaves_neither_row_nor_task(jobs, queue):
    def order_and_fail():
        with jobs.database.transaction() as session:
            jobs.create(session, NewJob(kind="stems", owner="ann", request={}, facts={}))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        order_and_fail()

    assert jobs.page(None).total == 0
    assert queue.waiting == []


def test_somebody_elses_job_looks_like_none(jobs):
    job = created(jobs)

    with pytest.raises(JobNotFound, match=job.id):
        jobs.find("bob", job.id)
    with pytest.raises(JobNotFound):
        jobs.find("ann", job.id, kinds=("denoise",))
    with pytest.raises(JobNotFound):
        jobs.cancel(job.id, owner="bob")


def test_pages_come_newest_first_and_count_everything(jobs, clock):
    names = []
    for _ in range(5):
        clock.pass_s(1)
        names.insert(0, created(jobs).id)

    page = jobs.page("ann", limit=2, offset=1)

    assert [job.id for job in page.jobs] == names[1:3]
    assert page.total == 5
    assert jobs.page("ann", status="completed").total == 0
    assert jobs.page("bob").total == 0


def test_only_the_latest_attempt_decides(jobs):
    job = created(jobs)
    slow, quick = jobs.begin(job.id), jobs.begin(job.id)

    assert (slow.attempt, quick.attempt) == (1, 2)
    assert not jobs.report(slow, 50, "separate")
    assert not jobs.complete(slow, Outcome())
    assert not jobs.fail(slow, "internal", "late")
    assert jobs.complete(quick, Outcome((STEM,), {"bpm": 98.5}))
    ended = jobs.find("ann", job.id)
    assert (ended.status, ended.progress, ended.artefacts) == ("completed", 100, (STEM,))
    assert ended.facts == {"bpm": 98.5}


def test_progress_never_falls_and_is_not_whole_before_the_end(jobs):
    job = created(jobs)
    running = jobs.begin(job.id)

    for said, seen in ((30, 30), (10, 30), (100, 99)):
        assert jobs.report(running, said, "separate")
        assert jobs.find("ann", job.id).progress == seen


def test_an_end_and_what_listens_to_it_are_one_transaction(jobs):
    job = created(jobs)
    running = jobs.begin(job.id)

    def refuse(_session, _job):
        raise ZeroDivisionError

    jobs.on_ended.append(refuse)
    with pytest.raises(ZeroDivisionError):
        jobs.complete(running, Outcome((STEM,)))

    assert jobs.find("ann", job.id).status == "running"
    assert jobs.find("ann", job.id).artefacts == ()


def test_of_two_ends_at_once_one_is_told(jobs):
    heard = []
    jobs.on_ended.append(lambda _session, job: heard.append(job.status))
    running = jobs.begin(created(jobs).id)

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(lambda _: jobs.complete(running, Outcome()), range(4)))

    assert sorted(ends) == [False, False, False, True]
    assert heard == ["completed"]


def test_a_waiting_job_is_cancelled_at_once_and_never_begins(jobs):
    job = created(jobs)

    assert jobs.cancel(job.id).status == "cancelled"
    assert jobs.begin(job.id) is None
    assert jobs.find("ann", job.id).charged == 0


def test_a_running_job_is_asked_to_stop_and_then_says_so(jobs):
    running = jobs.begin(created(jobs).id)

    assert jobs.cancel(running.id).status == "running"
    assert not jobs.report(running, 20, "separate")
    assert not jobs.complete(running, Outcome())
    assert jobs.stopped(running)
    assert jobs.find("ann", running.id).status == "cancelled"


def test_a_job_whose_process_died_while_stopping_is_stopped(jobs):
    running = jobs.begin(created(jobs).id)
    jobs.cancel(running.id)

    assert jobs.begin(running.id) is None
    assert jobs.find("ann", running.id).status == "cancelled"


def test_what_has_ended_is_neither_cancelled_nor_retried(jobs):
    running = jobs.begin(created(jobs).id)
    jobs.complete(running, Outcome())

    with pytest.raises(JobStateConflict, match="completed"):
        jobs.cancel(running.id)
    with pytest.raises(JobStateConflict, match="only a failed"):
        jobs.retry(running.id)


def test_a_failed_job_is_retried_as_new(jobs, queue):
    running = jobs.begin(created(jobs).id)
    jobs.report(running, 40, "separate")
    jobs.fail(running, "input.unreadable", "broken")
    queue.waiting.clear()

    again = jobs.retry(running.id)

    assert (again.status, again.progress, again.error_message) == ("queued", 0, None)
    assert [waiting.task for waiting in queue.waiting] == [RUN_JOB]
    assert jobs.begin(running.id).attempt == 2


def test_a_job_cancelled_before_it_began_and_retried_begins_once(jobs, queue):
    job = created(jobs)
    jobs.cancel(job.id)

    jobs.retry(job.id)

    outdated, current = (waiting.args for waiting in sorted(queue.waiting))
    assert jobs.begin(*outdated) is None
    assert jobs.begin(*current).attempt == 1


def test_all_of_an_owners_jobs_are_cancelled_and_nobody_elses(jobs):
    for _ in range(3):
        created(jobs)
    running = jobs.begin(created(jobs).id)
    other = created(jobs, owner="bob")

    assert jobs.cancel_all("ann") == 4
    assert not jobs.report(running, 1, "separate")
    assert jobs.find("bob", other.id).status == "queued"


def test_a_repeated_request_finds_the_job_of_the_first(jobs, clock):
    key = Idempotency("abc", "fingerprint")
    job = created(jobs, idempotency=key)

    assert jobs.replayed("ann", key).id == job.id
    assert jobs.replayed("bob", key) is None
    assert jobs.replayed("ann", None) is None
    with pytest.raises(IdempotencyConflict, match="'abc'"):
        jobs.replayed("ann", Idempotency("abc", "another"))


def test_a_key_may_be_used_anew_after_a_day(jobs, clock):
    key = Idempotency("abc", "fingerprint")
    first = created(jobs, idempotency=key)
    clock.pass_s(24 * 3600 + 1)

    assert jobs.replayed("ann", key) is None
    assert created(jobs, idempotency=key).id != first.id


def test_two_requests_with_one_key_at_once_make_one_job(jobs):
    def order(_):
        try:
            return created(jobs, idempotency=Idempotency("abc", "same")).id
        except IdempotencyConflict:
            return None

    with ThreadPoolExecutor(4) as pool:
        made = [job_id for job_id in pool.map(order, range(4)) if job_id]

    assert len(made) == 1
    assert jobs.page("ann").total == 1


def test_files_are_deleted_before_a_job_expires(jobs, clock):
    running = jobs.begin(created(jobs).id)
    jobs.complete(running, Outcome((STEM,)))
    deleted = []
    clock.pass_s(timedelta(days=14).total_seconds() - 1)
    assert jobs.expire(deleted.extend) == 0

    clock.pass_s(1)

    assert jobs.expire(deleted.extend) == 1
    assert deleted == [STEM]
    expired = jobs.find("ann", running.id)
    assert (expired.status, expired.artefacts) == ("expired", ())


@pytest.fixture
def order(jobs, monkeypatch):
    """Names of owners in the order in which their jobs would begin."""
    turns = []
    enqueue = jobs.tasks.enqueue

    def noted(session, task, args, *, priority, **options):
        turns.append((priority, len(turns), args[0]))
        enqueue(session, task, args, priority=priority, **options)

    monkeypatch.setattr(jobs.tasks, "enqueue", noted)
    return lambda: [job_id for *_, job_id in sorted(turns)]


def test_the_five_hundredth_job_of_one_comes_after_the_first_of_another(jobs, order):
    many = [created(jobs).id for _ in range(20)]
    jobs.begin(many[0])
    first, second = (created(jobs, owner="bob").id for _ in range(2))

    waiting = order()

    assert waiting.index(first) == 2
    assert waiting.index(second) == 4
    assert [job for job in waiting if job in many] == many


def test_an_owners_jobs_begin_in_the_order_they_were_made(jobs, order):
    old = [created(jobs).id for _ in range(5)]
    for job_id in old[:3]:
        jobs.complete(jobs.begin(job_id), Outcome())
    new = created(jobs).id

    assert order() == [*old, new]


def test_batches_wait_for_everything_interactive(jobs, order):
    batch = created(jobs, urgency="batch").id
    interactive = [created(jobs, owner="bob").id for _ in range(3)]

    assert order() == [*interactive, batch]


def test_waiting_jobs_are_counted_with_the_age_of_the_oldest(jobs, clock):
    created(jobs)
    clock.pass_s(30)
    created(jobs)

    assert list(jobs.waiting()) == [("stems", 2, 30.0)]


@pytest.mark.parametrize(
    "text", ["\0", "job_\0", "\ud800", "x" * 10_000, "' OR 1=1 --", "../job", ""]
)
def test_what_is_no_id_of_ours_names_no_job_on_any_database(jobs, text):
    for asked in (jobs.find, lambda owner, job_id: jobs.cancel(job_id, owner)):
        with pytest.raises(JobNotFound) as caught:
            asked("ann", text)
        assert len(caught.value.message) < 400
