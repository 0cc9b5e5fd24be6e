"""Workers on PostgreSQL: what one leaves behind another takes, and only one of them counts."""

from __future__ import annotations

import signal
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.jobs.liveness import Liveness
from stemwright.jobs.queue import DurableQueue
from stemwright.jobs.service import Jobs, NewJob
from stemwright.jobs.tables import ExecutorRow
from support.job_worker import KIND, Folder, WorkerProcess, prepare
from support.live_server import wait_until

SILENT_S = 2.0


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def jobs(postgres_url):
    database = prepare(postgres_url)
    queue = DurableQueue(database)
    yield Jobs(database, queue)
    queue.close()
    database.close()


def gated(jobs):
    new = NewJob(kind=KIND, owner="ann", request={"name": "song", "gate": "go"}, facts={})
    with jobs.database.transaction() as session:
        return jobs.create(session, new)


def begins(folder, attempt):
    wait_until(
        lambda: any(note.startswith(f"begun song {attempt} ") for note in folder.notes()),
        f"attempt {attempt}",
        patience_s=30,
    )


def ends(jobs, job):
    wait_until(lambda: jobs.find(None, job.id).status == "completed", "the end", patience_s=30)
    return jobs.find(None, job.id)


def test_a_stopped_workers_job_is_taken_over_and_its_late_result_refused(
    jobs, folder, postgres_url
):
    job = gated(jobs)
    with WorkerProcess(postgres_url, folder, silent_s=SILENT_S) as slow:
        begins(folder, attempt=1)
        slow.send_signal(signal.SIGSTOP)
        with WorkerProcess(postgres_url, folder, silent_s=SILENT_S):
            begins(folder, attempt=2)
            folder.open("go")
            won = ends(jobs, job)

            slow.send_signal(signal.SIGCONT)
            wait_until(lambda: folder.notes().count("left song completed") > 1, "the loser")

    assert [file.key for file in won.artefacts] == [f"jobs/{job.id}/2/out.txt"]
    assert jobs.find(None, job.id) == won


def test_a_job_and_its_worker_outlive_a_moment_without_the_database(jobs, folder, postgres_url):
    job = gated(jobs)
    with WorkerProcess(postgres_url, folder, silent_s=SILENT_S):
        begins(folder, attempt=1)
        for _ in range(3):
            with jobs.database.transaction() as session:
                session.connection().exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        folder.open("go")

        assert ends(jobs, job).attempt == 1


@pytest.fixture
def executors(postgres_url):
    database = Database(postgres_url)
    Table.metadata.create_all(database.engine)
    yield database
    database.close()


def aged(database, name, seconds):
    with database.transaction() as session:
        session.connection().exec_driver_sql(
            "UPDATE executors SET seen_at = now() - make_interval(secs => %s) WHERE id = %s",
            (seconds, name),
        )


def known(database):
    with database.reading() as session:
        return set(session.scalars(select(ExecutorRow.id)))


def test_only_the_silent_are_taken_over_again_and_again_for_a_day(executors):
    taken = []
    us = Liveness(executors, "us", taken.extend)
    for name in ("us", "dead", "long-dead", "busy"):
        Liveness(executors, name, taken.extend).beat()
    for name, seconds in (("dead", 16), ("long-dead", 90_000), ("busy", 14)):
        aged(executors, name, seconds)

    us.take_over()
    us.take_over()

    assert sorted(taken) == ["dead", "dead", "long-dead"]
    assert known(executors) == {"us", "dead", "busy"}


def test_who_comes_back_is_not_taken_over_and_who_leaves_is_forgotten(executors):
    taken = []
    us, other = (Liveness(executors, name, taken.extend) for name in ("us", "other"))
    us.beat()
    other.beat()
    aged(executors, "other", 60)
    other.beat()
    us.take_over()
    other.leave()

    assert taken == []
    assert known(executors) == {"us"}


@pytest.fixture
def beating(executors):
    """Executors that beat twenty times a second; who took over whom."""
    started, taken = [], []

    def start(name, recover=None):
        recover = recover or (lambda silent: taken.extend((name, one) for one in silent))
        started.append(Liveness(executors, name, recover, beat_s=0.05, silent_s=0.6))
        started[-1].start()
        return started[-1]

    start.taken = taken
    yield start
    for liveness in started:
        liveness.stop()


def test_after_a_time_without_the_database_nobody_takes_over_the_living(beating, executors):
    beating("one")
    beating("two")
    with executors.transaction() as session:
        session.connection().exec_driver_sql("LOCK TABLE executors IN EXCLUSIVE MODE")
        late = "SELECT count(*) FROM executors WHERE seen_at < clock_timestamp() - interval '1 s'"
        wait_until(lambda: session.connection().exec_driver_sql(late).scalar() == 2, "silence")
    with executors.transaction() as session:
        session.add(ExecutorRow(id="dead", seen_at=datetime(2030, 1, 1, tzinfo=UTC)))
    aged(executors, "dead", 60)

    wait_until(lambda: beating.taken, "the dead one", patience_s=10)

    assert {silent for _, silent in beating.taken} == {"dead"}


def test_a_defect_in_taking_over_does_not_end_the_beat(beating, executors):
    defects = []

    def broken(silent):
        defects.extend(silent)
        raise ZeroDivisionError

    with executors.transaction() as session:
        session.add(ExecutorRow(id="dead", seen_at=datetime(2030, 1, 1, tzinfo=UTC)))
    aged(executors, "dead", 60)
    beating("us", broken)

    wait_until(lambda: len(defects) > 2, "the third round", patience_s=10)
