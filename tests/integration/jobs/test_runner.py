"""One job through the runner, without the engine: each part is simply called."""

from __future__ import annotations

import json
import threading
import time
from itertools import pairwise

import pytest
from sqlalchemy.exc import OperationalError

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.errors import AudioTooShort, StorageUnreachable, WeightsCorrupt
from stemwright.jobs.attempt import PROGRESS_S, Attempt
from stemwright.jobs.job import Artefact
from stemwright.jobs.runner import MOST_ATTEMPTS, JobRunner
from stemwright.jobs.service import Jobs, NewJob, Outcome
from support.task_queue import FakeClock, FakeTaskQueue

STEM = Artefact("vocals", "jobs/a/1/vocals.mp3", "audio/mpeg", 3)
LEAK = "/srv/scratch/job_1 sk_live_secret"


class Scripted:
    """A handler that does what a test says, and keeps what it was told."""

    def __init__(self):
        self.does = lambda _job, _attempt: Outcome((STEM,), {"bpm": 98.5})
        self.discarded, self.left = [], []

    def run(self, job, attempt):
        return self.does(job, attempt)

    def discard(self, job, attempt):
        self.discarded.append((job.id, attempt))

    def leave(self, job):
        self.left.append((job.id, job.status))


class Flaky(Database):
    """Its transactions fail as if the server restarted, as often as a test says."""

    outages = 0

    def transaction(self):
        if self.outages:
            self.outages -= 1
            raise OperationalError("BEGIN", {}, Exception("terminating connection"))
        return super().transaction()


@pytest.fixture
def database(tmp_path):
    database = Flaky(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    Table.metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def jobs(database):
    clock = FakeClock()
    return Jobs(database, FakeTaskQueue(clock), clock=clock)


@pytest.fixture
def handler():
    return Scripted()


def a_part(_name, part, *args):
    """Run it; what it answers goes through JSON, as the engine keeps it."""
    return json.loads(json.dumps(part(*args)))


@pytest.fixture
def runner(jobs, handler):
    return JobRunner(jobs, {"stems": handler}, sleep=lambda _s: None, step=a_part)


@pytest.fixture
def job(jobs):
    with jobs.database.transaction() as session:
        return jobs.create(session, NewJob(kind="stems", owner="ann", request={}, facts={"a": 1}))


def ended(jobs, job):
    return jobs.find(None, job.id)


def test_a_job_is_run_to_its_end_and_nothing_but_its_result_is_left(runner, jobs, job, handler):
    told = []
    runner.ended = lambda *said: told.append(said[1:])
    handler.does = lambda _job, attempt: (attempt.report("separate", 5), Outcome((STEM,)))[1]

    runner(job.id)

    assert (ended(jobs, job).status, ended(jobs, job).artefacts) == ("completed", (STEM,))
    assert handler.left == [(job.id, "completed")]
    [(status, seconds)] = told
    assert (status, list(seconds)) == ("completed", ["separate"])


def test_a_job_that_cannot_be_done_fails_with_the_reason(runner, jobs, job, handler):
    def refuse(_job, _attempt):
        raise AudioTooShort("Hit.mp3 is short.", min_duration_s=5, actual_duration_s=1)

    handler.does = refuse
    runner(job.id)

    assert ended(jobs, job).error_code == "input.too_short"
    assert ended(jobs, job).error_message == "Hit.mp3 is short."
    assert handler.left == [(job.id, "failed")]


@pytest.mark.parametrize("error", [ValueError(LEAK), WeightsCorrupt(LEAK), MemoryError(LEAK)])
def test_what_is_wrong_with_the_server_is_not_told_to_the_client(error, runner, jobs, job, handler):
    def fail(_job, _attempt):
        raise error

    handler.does = fail
    runner(job.id)

    failed = ended(jobs, job)
    assert failed.status == "failed"
    assert "log has" in failed.error_message
    assert not any(word in failed.error_message for word in LEAK.split())


def test_a_job_whose_process_died_again_and_again_is_given_up(runner, jobs, job, handler):
    handler.does = lambda *_: pytest.fail("it was tried once more")
    for _ in range(MOST_ATTEMPTS):
        jobs.begin(job.id)

    runner(job.id)

    assert ended(jobs, job).error_code == "job.abandoned"
    assert f"died {MOST_ATTEMPTS} times" in ended(jobs, job).error_message


def test_a_job_that_was_given_up_is_tried_as_often_again_when_somebody_says_so(runner, jobs, job):
    for _ in range(MOST_ATTEMPTS):
        jobs.begin(job.id)
    runner(job.id)
    jobs.retry(job.id)
    for _ in range(MOST_ATTEMPTS - 1):
        jobs.begin(job.id)

    runner(job.id)

    assert ended(jobs, job).status == "completed"
    assert ended(jobs, job).attempt == 2 * MOST_ATTEMPTS + 1


def test_a_database_that_is_away_for_a_moment_is_waited_for(runner, jobs, job, handler, database):
    def away_when_done(_job, _attempt):
        database.outages = 3
        return Outcome((STEM,))

    handler.does = away_when_done
    database.outages = 3
    runner(job.id)

    assert ended(jobs, job).status == "completed"
    assert ended(jobs, job).attempt == 1


def test_an_end_that_was_written_and_not_heard_of_is_written_once(runner, jobs, job, monkeypatch):
    heard = []
    jobs.on_ended.append(lambda _session, job: heard.append(job.status))
    complete = Jobs.complete

    def unheard(*args):
        monkeypatch.undo()
        complete(*args)
        raise OperationalError("COMMIT", {}, Exception("connection lost"))

    monkeypatch.setattr(Jobs, "complete", unheard)
    runner(job.id)

    assert (ended(jobs, job).status, heard) == ("completed", ["completed"])


def test_a_job_that_cannot_be_completed_fails_and_does_not_run_for_ever(runner, jobs, job, handler):
    def broken(_session, _job):
        raise ZeroDivisionError

    jobs.pay = broken
    runner(job.id)

    assert (ended(jobs, job).status, ended(jobs, job).error_code) == ("failed", "internal")
    assert ended(jobs, job).artefacts == ()
    assert handler.left == [(job.id, "failed")]


def test_of_two_runs_at_a_job_the_overtaken_one_deletes_its_own(runner, jobs, job, handler):
    def overtaken(_job, _attempt):
        assert jobs.begin(job.id).attempt == 2
        return Outcome((STEM,))

    handler.does = overtaken
    runner(job.id)

    assert ended(jobs, job).status == "running"
    assert handler.discarded == [(job.id, 1)]
    assert handler.left == []


def test_a_run_that_was_overtaken_by_a_finished_one_changes_nothing(runner, jobs, job, handler):
    other = Artefact("vocals", "jobs/a/2/vocals.mp3", "audio/mpeg", 4)

    def overtaken(_job, _attempt):
        assert jobs.complete(jobs.begin(job.id), Outcome((other,)))
        return Outcome((STEM,))

    handler.does = overtaken
    runner(job.id)

    assert (ended(jobs, job).status, ended(jobs, job).artefacts) == ("completed", (other,))
    assert handler.left == [(job.id, "completed")]


def test_a_late_failure_does_not_touch_a_job_that_was_queued_anew(runner, jobs, job, handler):
    def stopped_and_retried(_job, _attempt):
        jobs.cancel(job.id)
        assert jobs.begin(job.id) is None  # another worker took it for one whose process died
        jobs.retry(job.id)
        raise ValueError

    handler.does = stopped_and_retried
    runner(job.id)

    assert ended(jobs, job).status == "queued"
    assert handler.discarded == [(job.id, 1)]


def test_a_job_cancelled_as_its_work_was_done_is_cancelled(runner, jobs, job, handler):
    def cancelled(_job, _attempt):
        jobs.cancel(job.id)
        return Outcome((STEM,))

    handler.does = cancelled
    runner(job.id)

    assert (ended(jobs, job).status, ended(jobs, job).artefacts) == ("cancelled", ())
    assert handler.left == [(job.id, "cancelled")]


def test_left_overs_that_cannot_be_deleted_do_not_change_the_end(runner, jobs, job, handler):
    def unreachable(_job):
        raise StorageUnreachable("The store does not answer.")

    handler.leave = unreachable
    runner(job.id)

    assert ended(jobs, job).status == "completed"


def test_a_task_that_comes_twice_finds_nothing_left_to_do(runner, jobs, job, handler):
    runner(job.id)
    handler.does = lambda *_: pytest.fail("it was run again")

    runner(job.id)

    assert ended(jobs, job).attempt == 1


def test_progress_is_written_and_a_wish_to_stop_noticed_within_a_second(jobs, job):
    begun = jobs.begin(job.id)
    noticed = threading.Event()

    with Attempt(jobs, begun, warn=lambda *_: None) as attempt:
        attempt.report("separate", 41.7)
        assert eventually(lambda: ended(jobs, job).progress == 41)
        jobs.cancel(job.id)
        assert eventually(attempt.cancelled)
        noticed.set()
    assert noticed.is_set()


def test_progress_that_cannot_be_written_is_written_later(jobs, job, database):
    begun, warned = jobs.begin(job.id), []
    database.outages = 2

    with Attempt(jobs, begun, warn=lambda *said: warned.append(said), tick_s=0.01) as attempt:
        attempt.report("separate", 10)
        attempt.report("separate", 5)
        assert eventually(lambda: ended(jobs, job).progress == 10)

    assert len(warned) == 2
    assert not attempt.cancelled()


def eventually(happened, within_s=1.0):
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if happened():
            return True
        threading.Event().wait(0.02)
    return False


def test_news_is_written_at_once_but_not_all_of_it(jobs, job):
    begun, written = jobs.begin(job.id, None), []

    class Noting(Jobs):
        def report(self, job, progress, phase, **_):
            written.append((time.monotonic(), progress))
            return True

    noting = Noting(jobs.database, jobs.tasks)
    with Attempt(noting, begun, warn=lambda *_: None) as attempt:
        time.sleep(0.1)
        reported = time.monotonic()
        for progress in range(1, 61):
            attempt.report("separate", progress)
            time.sleep(0.01)
        assert eventually(lambda: written[-1][1] == 60)

    times = [at for at, _ in written]
    assert times[0] - reported < 0.1
    assert min(later - earlier for earlier, later in pairwise(times)) >= PROGRESS_S - 0.01
