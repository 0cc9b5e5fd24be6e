"""Which jobs need a model, on the real table of jobs."""

import pytest

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.engine.catalog import DENOISE_MODEL, MODELS
from stemwright.features.models.usage import JobUsage
from stemwright.jobs.service import Jobs, NewJob
from support.task_queue import FakeClock, FakeTaskQueue


@pytest.fixture
def jobs(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    Table.metadata.create_all(database.engine)
    clock = FakeClock()
    yield Jobs(database, FakeTaskQueue(clock), clock=clock)
    database.close()


def ordered(jobs, kind, owner="ann", **request):
    with jobs.database.transaction() as session:
        return jobs.create(session, NewJob(kind=kind, owner=owner, request=request, facts={}))


def test_jobs_that_wait_or_run_count_whoever_ordered_them(jobs):
    ordered(jobs, "stems", model="htdemucs")
    ordered(jobs, "youtube", owner="bob", model="htdemucs")
    running = ordered(jobs, "processing", model="htdemucs", engine="local")
    jobs.begin(running.id)
    jobs.cancel(ordered(jobs, "stems", model="htdemucs").id)

    usage = JobUsage(jobs)
    assert usage(MODELS["htdemucs"]) == 3
    assert usage(MODELS["htdemucs_ft"]) == 0


def test_what_is_done_elsewhere_needs_no_model_of_ours(jobs):
    ordered(jobs, "processing", model="htdemucs", engine="lalalai")
    assert JobUsage(jobs)(MODELS["htdemucs"]) == 0


def test_cleaning_needs_its_one_model(jobs):
    ordered(jobs, "denoise")
    assert JobUsage(jobs)(DENOISE_MODEL) == 1
    assert JobUsage(jobs)(MODELS["htdemucs"]) == 0


def test_all_of_many_jobs_are_looked_at(jobs):
    ordered(jobs, "stems", model="mdx_extra")
    for _ in range(230):
        ordered(jobs, "stems", model="htdemucs")
    assert JobUsage(jobs)(MODELS["mdx_extra"]) == 1
