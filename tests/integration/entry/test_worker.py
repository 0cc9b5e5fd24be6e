"""The worker around the engine: its upkeep, its metrics, and what it waits for when it stops."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from stemwright.entry.worker import Worker
from stemwright.errors import OptionError
from stemwright.jobs.job import Artefact
from stemwright.jobs.service import Outcome
from stemwright.kit.clock import utc_now
from support.finished_jobs import completed_job

LATER = timedelta(days=30)


@pytest.fixture
def worker(service):
    worker = Worker(service)
    worker._engine = SimpleNamespace(stop_taking=lambda: None, forget_finished=lambda _before: 0)
    return worker


def test_every_chore_can_be_done_and_an_old_jobs_files_are_deleted_with_it(worker, service):
    owner = service.accounts.ensure_default_user().id
    source = {"source": {"url": "x"}}
    job = service.jobs.begin(service.intake.place(owner, "stems", source, {}, 1).id)
    key = f"jobs/{job.id}/1/vocals.mp3"
    with service.storage.writer(key, "audio/mpeg") as writing:
        writing.write(b"song")
        writing.commit()
    service.jobs.complete(job, Outcome((Artefact("vocals", key, "audio/mpeg", 4),)))
    service.jobs.clock = lambda: utc_now() + LATER

    for chore in worker._chores().values():
        chore()

    assert service.jobs.find(owner, job.id).status == "expired"
    assert service.storage.stat(key) is None


def test_a_worker_that_stops_waits_for_its_jobs_as_long_as_it_may(worker):
    begun, go = threading.Event(), threading.Event()

    def run(_job_id, _ticket):
        begun.set()
        go.wait(30)

    worker._runner = run
    at_work = threading.Thread(target=worker._run, args=("job_1", "ticket_1"))
    at_work.start()
    begun.wait(30)

    assert not worker.stop(within_s=0.0)
    go.set()
    assert worker.stop(within_s=30.0)
    at_work.join(30)


def test_a_job_with_a_defect_is_at_work_no_longer(worker):
    def fail(_job_id, _ticket):
        raise ZeroDivisionError

    worker._runner = fail
    with pytest.raises(ZeroDivisionError):
        worker._run("job_1", "ticket_1")

    assert worker.stop(within_s=0.0)


def test_a_folder_has_one_worker_until_that_one_has_stopped(worker, service, tmp_path):
    lock = tmp_path / "worker.lock"
    other = Worker(service)
    worker._lock_folder(lock)

    with pytest.raises(OptionError, match="STEMWRIGHT_DATABASE_URL"):
        other._lock_folder(lock)
    worker.stop(within_s=0.0)

    other._lock_folder(lock)
    other._close()


def test_ends_are_counted_with_their_seconds_and_how_much_faster_than_the_song_they_were(
    worker, service
):
    job = replace(completed_job(), facts={"duration_s": 60})

    worker._ended(job, "completed", {"download": 1.0, "separate": 9.0})
    worker._ended(job, "failed", {})

    lines = service.metrics.text()[0].decode().splitlines()
    assert any('status="failed"' in line for line in lines)
    assert 'stemwright_job_realtime_factor_sum{kind="stems"} 6.0' in lines
