"""What becomes of jobs reaches whoever watches, from whichever process."""

import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from stemwright.db.announcements import Listener
from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.jobs.events import JobEvents
from stemwright.jobs.service import Jobs, NewJob, Outcome
from support.live_server import wait_until
from support.realtime import NoQueue, reported, reporter

_END_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Watcher:
    """Keeps what it was told and when."""

    def __init__(self):
        self.events, self.times = [], []

    def __call__(self, event):
        self.times.append(time.monotonic())
        self.events.append(event)

    def told(self):
        return [(event.job.status, event.job.progress) for event in self.events]

    def waits_for(self, *told):
        wait_until(lambda: told in self.told(), f"{told} among {self.told()}", patience_s=20)


@pytest.fixture
def url(database_url):
    database = Database(database_url)
    Table.metadata.create_all(database.engine)
    database.close()
    return database_url


@pytest.fixture
def database(url):
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def jobs(database):
    return Jobs(database, NoQueue())


@pytest.fixture
def host(url):
    """A process's events; the database is its own, as in another process."""
    database = Database(url)
    events = JobEvents(database)
    listener = Listener(database.engine, events.hint)
    listener.start()
    yield events
    events.close()
    listener.close()
    database.close()


@pytest.fixture
def job(jobs):
    return created(jobs)


def created(jobs):
    with jobs.database.transaction() as session:
        return jobs.create(session, NewJob(kind="stems", owner="ann", request={}, facts={}))


def test_a_watcher_hears_the_state_and_then_every_change(host, jobs, job):
    watcher = Watcher()
    host.watch(job.id, watcher)
    watcher.waits_for("queued", 0)
    begun = jobs.begin(job.id, None)
    watcher.waits_for("running", 0)
    jobs.report(begun, 45, "separate")
    watcher.waits_for("running", 45)
    jobs.complete(begun, Outcome())
    watcher.waits_for("completed", 100)

    assert watcher.told() == [("queued", 0), ("running", 0), ("running", 45), ("completed", 100)]
    assert len({event.marker for event in watcher.events}) == 4


def test_a_watcher_hears_nothing_twice_and_nothing_uncommitted(host, jobs, job):
    watcher, begun = Watcher(), jobs.begin(job.id, None)
    host.watch(job.id, watcher)
    for _ in range(3):
        jobs.report(begun, 10, "separate")
    with pytest.raises(ZeroDivisionError), jobs.database.transaction() as session:
        session.execute(text("UPDATE jobs SET progress = 99"))
        raise ZeroDivisionError
    jobs.fail(begun, "x", "y")
    watcher.waits_for("failed", 10)

    told = watcher.told()
    assert ("running", 99) not in told
    assert len(told) == len(set(told))


def test_progress_in_a_hurry_is_told_four_times_a_second_and_the_end_at_once(host, jobs, job):
    watcher, begun = Watcher(), jobs.begin(job.id, None)
    host.watch(job.id, watcher)
    watcher.waits_for("running", 0)
    for progress in range(1, 90):
        jobs.report(begun, progress, "separate")
        time.sleep(0.02)
    jobs.complete(begun, Outcome())
    ended = time.monotonic()
    watcher.waits_for("completed", 100)

    *times, at_the_end = watcher.times
    assert min(later - earlier for earlier, later in zip(times, times[4:], strict=False)) >= 1.0
    assert at_the_end - ended < 0.3
    progress = [progress for _, progress in watcher.told()]
    assert progress == sorted(progress)


def test_the_last_of_a_burst_is_told(host, jobs, job):
    watcher, begun = Watcher(), jobs.begin(job.id, None)
    host.watch(job.id, watcher)
    watcher.waits_for("running", 0)
    for progress in (1, 2, 3):
        jobs.report(begun, progress, "separate")

    watcher.waits_for("running", 3)


def test_each_watcher_is_told_whatever_the_others_do(host, jobs, job):
    def broken(_event):
        raise ZeroDivisionError

    early, late = Watcher(), Watcher()
    host.watch(job.id, broken)
    stop = host.watch(job.id, early)
    early.waits_for("queued", 0)
    host.watch(job.id, late)
    late.waits_for("queued", 0)
    stop()
    stop()
    jobs.cancel(job.id)
    late.waits_for("cancelled", 0)

    assert early.told() == [("queued", 0)]


def test_an_end_that_was_told_does_not_expire(host, jobs, job):
    watcher, later = Watcher(), Watcher()
    jobs.complete(jobs.begin(job.id, None), Outcome())
    host.watch(job.id, watcher)
    watcher.waits_for("completed", 100)
    with jobs.database.transaction() as session:
        session.execute(text("UPDATE jobs SET status = 'expired'"))
    host.watch(job.id, later)
    later.waits_for("expired", 100)

    assert watcher.told() == [("completed", 100)]


def test_a_job_that_runs_anew_is_told_anew(host, jobs, job):
    watcher = Watcher()
    host.watch(job.id, watcher)
    jobs.fail(jobs.begin(job.id, None), "x", "y")
    watcher.waits_for("failed", 0)
    jobs.retry(job.id)
    wait_until(lambda: watcher.told()[-1] == ("queued", 0), "the retry")
    jobs.complete(jobs.begin(job.id, None), Outcome())

    watcher.waits_for("completed", 100)


def test_nothing_is_told_of_a_job_that_is_not_there(host):
    watcher = Watcher()
    host.watch("job_none", watcher)
    time.sleep(0.2)

    assert watcher.events == []


def test_reports_of_another_process_arrive_within_300_ms(host, url, jobs, job):
    watcher = Watcher()
    host.watch(job.id, watcher)
    with reporter(url, job.id) as process:
        at = reported(process)
    watcher.waits_for("completed", 100)

    late = [
        when - at[event.job.progress]
        for event, when in zip(watcher.events, watcher.times, strict=True)
        if event.job.progress in at
    ]
    assert len(late) == len(at)
    assert max(late) < 0.3


def test_events_go_on_when_the_connection_was_lost(postgres_url, jobs_on):
    host, jobs, job = jobs_on(postgres_url)
    watcher = Watcher()
    host.watch(job.id, watcher)
    watcher.waits_for("queued", 0)
    with jobs.database.reading() as session:
        session.execute(_END_OTHERS)
    begun = patiently(lambda: jobs.begin(job.id, None))
    watcher.waits_for("running", 0)
    jobs.report(begun, 45, "separate")

    watcher.waits_for("running", 45)


def test_rows_are_looked_at_even_if_nothing_is_heard(postgres_url, jobs_on):
    host, jobs, job = jobs_on(postgres_url, listens=False, safety_s=0.3)
    watcher = Watcher()
    host.watch(job.id, watcher)
    jobs.begin(job.id, None)

    watcher.waits_for("running", 0)


@pytest.fixture
def jobs_on():
    """Events, jobs and one of them on a PostgreSQL database."""
    ends = []

    def make(url, *, listens=True, **options):
        database = Database(url)
        Table.metadata.create_all(database.engine)
        jobs, events = Jobs(database, NoQueue()), JobEvents(database, **options)
        listener = Listener(database.engine, events.hint)
        ends.extend([events.close, listener.close, database.close])
        if listens:
            listener.start()
        return events, jobs, created(jobs)

    yield make
    for end in ends:
        end()


def patiently(work):
    for _ in range(20):
        try:
            return work()
        except OperationalError:
            time.sleep(0.1)
    raise AssertionError("the database is gone")


def test_nobody_watching_costs_nothing(host, jobs, job):
    stop = host.watch(job.id, Watcher())
    stop()
    time.sleep(0.2)
    before_s = _processor_time(host._thread)
    jobs.begin(job.id, None)
    time.sleep(0.5)

    assert _processor_time(host._thread) == before_s


def _processor_time(thread):
    """Ticks of processor time that a thread has spent."""
    stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text()
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
