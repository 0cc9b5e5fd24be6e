"""Tasks and jobs on the real engine, in a worker process of their own."""

from __future__ import annotations

import json
import re
import time

import pytest

from stemwright.jobs.queue import DurableQueue
from stemwright.jobs.runner import MOST_ATTEMPTS
from stemwright.jobs.service import Jobs, NewJob
from support.job_worker import FORGET, KIND, NOTE, NOTES, Folder, WorkerProcess, prepare
from support.live_server import wait_until


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return Folder(tmp_path_factory.mktemp("engine"))


@pytest.fixture(scope="module")
def jobs(folder):
    """Jobs as whoever creates them sees them; one worker runs them, one at a time."""
    url = f"sqlite:///{folder.path / 'engine.sqlite3'}"
    database = prepare(url)
    queue = DurableQueue(database)
    with WorkerProcess(url, folder):
        yield Jobs(database, queue)
    queue.close()
    database.close()


def created(jobs, owner="ann", urgency="interactive", **request):
    new = NewJob(kind=KIND, owner=owner, urgency=urgency, request=request, facts={})
    with jobs.database.transaction() as session:
        return jobs.create(session, new)


def noted(jobs, line, workflow_id, *, delay_s=0.0, fails=False):
    with jobs.database.transaction() as session:
        jobs.tasks.enqueue(
            session, NOTE, (line,), queue=NOTES, workflow_id=workflow_id, delay_s=delay_s
        )
        if fails:
            raise ZeroDivisionError


def wait_for(folder, line):
    wait_until(lambda: line in folder.notes(), line, patience_s=30)


def wait_for_end(jobs, job):
    ended = ("completed", "failed", "cancelled")
    wait_until(lambda: jobs.find(None, job.id).status in ended, job.id, patience_s=30)
    return jobs.find(None, job.id)


def begun(folder, names):
    """Which of these jobs began, in the order in which they did."""
    starts = [note.split()[1] for note in folder.notes() if note.startswith("begun ")]
    return [name for name in starts if name in names]


def test_a_task_of_a_transaction_that_was_taken_back_never_runs(jobs, folder):
    with pytest.raises(ZeroDivisionError):
        noted(jobs, "taken back", "wf_1", fails=True)
    noted(jobs, "committed", "wf_2")

    wait_for(folder, "committed")
    noted(jobs, "under the name of the first", "wf_1")
    wait_for(folder, "under the name of the first")
    assert "taken back" not in folder.notes()


def test_a_task_that_is_enqueued_twice_runs_once(jobs, folder):
    for name in ("wf_twice", "wf_twice", "wf_then"):
        noted(jobs, name, name)

    wait_for(folder, "wf_then")
    wait_for(folder, "wf_twice")
    assert folder.notes().count("wf_twice") == 1


def test_a_delayed_task_waits_and_holds_nobody_up(jobs, folder):
    asked = time.monotonic()
    noted(jobs, "late", "wf_late", delay_s=1.0)
    noted(jobs, "soon", "wf_soon")

    wait_for(folder, "late")

    assert time.monotonic() - asked >= 1.0
    assert folder.notes().index("soon") < folder.notes().index("late")


def test_thirty_jobs_of_one_do_not_stand_before_the_first_of_another(jobs, folder):
    at_work = created(jobs, "zoe", name="at-work", gate="go")
    wait_until(lambda: begun(folder, ["at-work"]), "the first job")
    anns = [f"ann-{k}" for k in range(30)]
    for name in anns:
        created(jobs, "ann", name=name)
    batch = created(jobs, "cid", "batch", name="batch")
    created(jobs, "bob", name="bob")

    folder.open("go")
    wait_for_end(jobs, batch)

    order = begun(folder, [*anns, "bob", "batch"])
    assert "bob" in order[:2]
    assert order[-1] == "batch"
    assert [name for name in order if name in anns] == anns
    assert wait_for_end(jobs, at_work).status == "completed"


def test_a_handler_with_a_defect_fails_its_job_and_no_other(jobs):
    broken, sound = created(jobs, defect=True), created(jobs)

    failed = wait_for_end(jobs, broken)
    assert (failed.status, failed.error_code) == ("failed", "internal")
    assert failed.error_message == "An internal error (ValueError); the log has the details."
    assert wait_for_end(jobs, sound).status == "completed"


def test_a_job_that_has_killed_its_process_too_often_is_given_up(jobs, folder):
    created(jobs, name="before", gate="poison")
    wait_until(lambda: begun(folder, ["before"]), "the job before")
    poison = created(jobs, name="poison")
    for _ in range(MOST_ATTEMPTS):
        jobs.begin(poison.id)
    folder.open("poison")

    assert wait_for_end(jobs, poison).error_code == "job.abandoned"
    assert begun(folder, ["poison"]) == []


def test_a_running_job_is_stopped_within_a_second_or_so(jobs, folder):
    job = created(jobs, name="endless", gate="never")
    wait_until(lambda: begun(folder, ["endless"]), "its beginning")

    jobs.cancel(job.id)
    asked = time.monotonic()

    assert wait_for_end(jobs, job).status == "cancelled"
    assert time.monotonic() - asked < 3  # half a second, on a machine that is not busy
    wait_for(folder, "left endless cancelled")


def test_a_job_that_was_cancelled_and_retried_while_it_waited_runs(jobs, folder):
    created(jobs, name="first", gate="again")
    wait_until(lambda: begun(folder, ["first"]), "the job before")
    job = created(jobs, name="twice")
    jobs.cancel(job.id)
    jobs.retry(job.id)
    folder.open("again")

    assert wait_for_end(jobs, job).status == "completed"
    assert begun(folder, ["twice"]) == ["twice"]


def test_what_the_engine_keeps_is_json(jobs):
    wait_for_end(jobs, created(jobs))

    with jobs.database.reading() as session:
        sql = session.connection().exec_driver_sql
        formats = set(sql("SELECT serialization FROM workflow_status").scalars())
        inputs = sql("SELECT inputs FROM workflow_input").scalars().all()
        outputs = sql("SELECT output FROM operation_outputs").scalars().all()
    assert formats == {"stemwright_json"}
    assert all(json.loads(kept)["args"] for kept in inputs)
    assert any(
        "artefacts" in json.loads(kept).get("outcome", "")
        for kept in filter(None, outputs)
        if kept != "null"
    )


def test_what_has_ended_is_forgotten_by_the_engine_and_what_waits_is_not(jobs, folder):
    done = created(jobs)
    wait_for_end(jobs, done)
    created(jobs, name="at-work-still", gate="forgotten")
    wait_until(lambda: begun(folder, ["at-work-still"]), "a job at work")
    waiting = created(jobs)
    with jobs.database.transaction() as session:
        jobs.tasks.enqueue(session, FORGET, (), queue=NOTES, workflow_id="wf_forget")

    wait_until(lambda: any(note.startswith("forgot ") for note in folder.notes()), "forgetting")
    [said] = [note for note in folder.notes() if note.startswith("forgot ")]
    assert re.fullmatch(
        r"forgot [1-9]\d* and [01]", said
    )  # the task that forgets may end meanwhile
    folder.open("forgotten")
    assert wait_for_end(jobs, waiting).status == "completed"
    assert jobs.find(None, done.id).status == "completed"
