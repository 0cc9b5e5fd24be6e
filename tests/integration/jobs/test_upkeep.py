"""What workers ask the table of jobs beside running them, and races between users and workers."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.errors import (
    IdempotencyConflict,
    InsufficientCredits,
    JobStateConflict,
    StorageUnreachable,
)
from stemwright.jobs.job import Artefact, Idempotency
from stemwright.jobs.service import Jobs, NewJob, Outcome
from support.task_queue import FakeClock, FakeTaskQueue

DAY_S = 24 * 3600.0
STEM = Artefact("vocals", "jobs/a/1/vocals.mp3", "audio/mpeg", 3)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def jobs(database_url, clock):
    database = Database(database_url)
    Table.metadata.create_all(database.engine)
    yield Jobs(database, FakeTaskQueue(clock), clock=clock)
    database.close()


def created(jobs, owner="ann", kind="stems", source=None, **fields):
    request = {"source": source or {}}
    new = NewJob(kind=kind, owner=owner, request=request, facts={}, **fields)
    with jobs.database.transaction() as session:
        return jobs.create(session, new)


def together(*works):
    """Do all of it at the same time; what each answered or raised."""
    barrier = threading.Barrier(len(works))

    def do(work):
        barrier.wait(30)
        try:
            return work()
        except JobStateConflict as error:
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(do, works))


def test_a_source_is_in_use_while_its_job_waits_or_runs(jobs):
    waiting, running, ended = (created(jobs, source={"key": f"k{n}"}) for n in range(3))
    created(jobs, source={"url": "k3"})
    jobs.begin(running.id)
    jobs.cancel(ended.id)

    with jobs.database.reading() as session:
        keys = ["k0", "k1", "k2", "k3", "k4"]
        assert jobs.sources_in_use(session, "key", keys) == {"k0", "k1"}
        assert jobs.sources_in_use(session, "url", keys) == {"k3"}
        assert jobs.sources_in_use(session, "key", []) == set()
    assert waiting.status == "queued"


def test_keys_of_requests_are_forgotten_after_a_day(jobs, clock):
    old, new = Idempotency("old", "f"), Idempotency("new", "f")
    created(jobs, idempotency=old)
    clock.pass_s(DAY_S)
    created(jobs, idempotency=new)
    clock.pass_s(1)

    assert jobs.forget_idempotency_keys() == 1
    assert jobs.forget_idempotency_keys() == 0
    assert jobs.replayed("ann", new) is not None
    with pytest.raises(IdempotencyConflict):
        created(jobs, idempotency=new)


def test_jobs_are_chosen_by_kind_and_states(jobs):
    stems, denoise = created(jobs), created(jobs, kind="denoise")
    created(jobs, kind="youtube")
    jobs.begin(denoise.id)

    page = jobs.page("ann", kinds=("stems", "denoise"), status=("queued", "running"))

    assert {job.id for job in page.jobs} == {stems.id, denoise.id}
    assert jobs.page(None, kinds=()).total == 0


def test_jobs_of_one_instant_are_paged_without_losing_or_repeating_any(jobs):
    made = {created(jobs).id for _ in range(7)}

    pages = [jobs.page("ann", limit=3, offset=offset) for offset in (0, 3, 6)]

    seen = list(itertools.chain.from_iterable(page.jobs for page in pages))
    assert {job.id for job in seen} == made
    assert len(seen) == 7


def test_of_several_workers_that_begin_a_job_at_once_each_has_its_own_attempt(jobs):
    job = created(jobs)

    begun = together(*[lambda: jobs.begin(job.id)] * 4)

    assert sorted(run.attempt for run in begun) == [1, 2, 3, 4]
    assert [
        jobs.complete(run, Outcome()) for run in sorted(begun, key=lambda run: run.attempt)
    ] == [
        False,
        False,
        False,
        True,
    ]


def test_a_job_that_is_cancelled_as_it_ends_ends_one_way_and_is_told_once(jobs):
    for _ in range(5):
        told = []
        jobs.on_ended[:] = [lambda _session, job: told.append(job.status)]  # noqa: B023
        run = jobs.begin(created(jobs).id)

        completed, cancelled = together(
            lambda: jobs.complete(run, Outcome((STEM,))),  # noqa: B023
            lambda: jobs.cancel(run.id),  # noqa: B023
        )

        if completed:
            assert isinstance(cancelled, JobStateConflict) or cancelled.status == "completed"
        else:
            assert jobs.stopped(run)
        assert told == ["completed" if completed else "cancelled"]


def test_a_job_that_is_cancelled_as_it_begins_is_cancelled_or_asked_to_stop(jobs):
    for _ in range(5):
        job = created(jobs)

        begun, cancelled = together(
            lambda: jobs.begin(job.id),  # noqa: B023
            lambda: jobs.cancel(job.id),  # noqa: B023
        )

        assert cancelled.status == ("cancelled" if begun is None else "running")
        assert begun is None or not jobs.report(begun, 1, "work")


def test_of_several_that_retry_a_job_at_once_one_does(jobs):
    run = jobs.begin(created(jobs).id)
    jobs.fail(run, "internal", "no")
    jobs.tasks.waiting.clear()

    answers = together(*[lambda: jobs.retry(run.id)] * 4)

    assert sum(isinstance(answer, JobStateConflict) for answer in answers) == 3
    assert len(jobs.tasks.waiting) == 1


def test_a_retry_that_is_refused_leaves_the_job_as_it_was(jobs):
    run = jobs.begin(created(jobs).id)
    jobs.fail(run, "internal", "no")

    def refuse(_session, _job):
        raise InsufficientCredits("too few", required_seconds=5)

    jobs.on_requeued.append(refuse)
    with pytest.raises(InsufficientCredits):
        jobs.retry(run.id)

    assert jobs.find(None, run.id).error_message == "no"
    assert len(jobs.tasks.waiting) == 1


def test_files_that_cannot_be_deleted_keep_their_job_from_expiring(jobs, clock):
    jobs.complete(jobs.begin(created(jobs).id), Outcome((STEM,)))
    clock.pass_s(15 * DAY_S)

    def unreachable(_artefacts):
        raise StorageUnreachable("The store does not answer.")

    with pytest.raises(StorageUnreachable):
        jobs.expire(unreachable)
    [job] = jobs.page("ann").jobs
    assert (job.status, job.artefacts) == ("completed", (STEM,))
    assert jobs.expire(lambda _artefacts: None) == 1


def test_two_workers_that_let_jobs_expire_at_once_do_it_once_each(jobs, clock):
    for _ in range(4):
        jobs.complete(jobs.begin(created(jobs).id), Outcome((STEM,)))
    clock.pass_s(15 * DAY_S)

    together(*[lambda: jobs.expire(lambda _artefacts: None)] * 2)

    assert {job.status for job in jobs.page("ann").jobs} == {"expired"}
