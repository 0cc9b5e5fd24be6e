"""What the end of a job writes, on both databases."""

import threading
from dataclasses import replace

import pytest

from stemwright.features.webhooks.ports import TASK
from stemwright.features.webhooks.webhook import CALLBACK
from support.webhooks import OWNER, Bench


@pytest.fixture
def bench(database_url):
    made = Bench(database_url)
    yield made
    made.database.close()


@pytest.fixture
def webhook(bench):
    return bench.webhooks.register(OWNER, "http://receiver.example/hook")


def told(bench, target):
    found = bench.webhooks.deliveries(OWNER, target)
    return [(delivery.job_id, delivery.event) for delivery in reversed(found)]


def enqueued(bench):
    return [waiting.args for waiting in bench.queue.waiting if waiting.task == TASK]


def test_the_end_of_a_job_is_for_each_webhook_that_asked_and_for_the_callback(bench, webhook):
    failures = bench.webhooks.register(OWNER, "http://receiver.example/", ["job.failed"])
    other = bench.webhooks.register("usr_other", "http://receiver.example/")
    job = bench.ended(callback_url="http://receiver.example/once")
    assert told(bench, webhook.id) == [(job.id, "job.completed")]
    assert told(bench, CALLBACK) == [(job.id, "job.completed")]
    assert told(bench, failures.id) == []
    assert bench.webhooks.deliveries("usr_other", other.id) == ()
    assert len(enqueued(bench)) == 2


def test_a_failed_and_a_cancelled_job_have_failed(bench, webhook):
    failed = bench.jobs.begin(bench.job().id)
    bench.jobs.fail(failed, "input.unreadable", "No decoder takes it.")
    bench.clock.pass_s(1)
    cancelled = bench.jobs.cancel(bench.job().id)
    assert told(bench, webhook.id) == [(failed.id, "job.failed"), (cancelled.id, "job.failed")]


def test_the_end_of_a_jobs_files_is_no_event(bench, webhook):
    job = bench.ended()
    with bench.database.transaction() as session:
        bench.webhooks.job_ended(session, replace(job, status="expired", completed_at=None))
    assert told(bench, webhook.id) == [(job.id, "job.completed")]


def test_nothing_is_told_when_the_end_is_rolled_back(bench, webhook):
    def fall_over(session, job):
        raise RuntimeError("the ledger does not add up")

    bench.jobs.on_ended.append(fall_over)
    with pytest.raises(RuntimeError, match="ledger"):
        bench.ended()
    assert told(bench, webhook.id) == []
    assert enqueued(bench) == []


def test_the_same_end_is_told_once_however_often_it_is_reported(bench, webhook):
    job = bench.ended(callback_url="http://receiver.example/once")
    for _ in range(2):
        with bench.database.transaction() as session:
            bench.webhooks.job_ended(session, job)
    assert told(bench, webhook.id) == [(job.id, "job.completed")]
    assert len(enqueued(bench)) == 2


def test_a_job_that_ends_again_after_a_retry_is_told_again(bench, webhook):
    job = bench.jobs.cancel(bench.job().id)
    bench.clock.pass_s(1)
    bench.jobs.retry(job.id)
    bench.clock.pass_s(1)
    bench.jobs.cancel(job.id)
    assert told(bench, webhook.id) == [(job.id, "job.failed")] * 2


def test_a_webhook_deleted_while_a_job_ends_does_not_stop_the_job(bench, webhook, monkeypatch):
    other = bench.webhooks.register(OWNER, "http://receiver.example/other")
    last = max(webhook.id, other.id)
    deleting = threading.Thread(target=bench.webhooks.delete, args=(OWNER, last))
    enqueue = bench.queue.enqueue

    def delete_meanwhile(session, task, args, **options):
        enqueue(session, task, args, **options)
        if task == TASK and not deleting.ident:
            deleting.start()
            deleting.join(0.3)  # waits for the job's transaction, which has yet to write for it

    monkeypatch.setattr(bench.queue, "enqueue", delete_meanwhile)
    job = bench.ended()
    deleting.join()
    assert job.status == "completed"
    assert last not in {left.id for left in bench.webhooks.list(OWNER)}


def test_a_job_ends_while_an_attempt_is_being_recorded(bench, webhook):
    """On SQLite writers take turns; on PostgreSQL neither waits for the other."""
    if bench.database.is_sqlite:
        pytest.skip("one writer at a time")
    from stemwright.features.webhooks import repository

    with bench.database.transaction() as session:
        repository.lock_webhook(session, webhook.id)
        ending = threading.Thread(target=bench.ended)
        ending.start()
        ending.join(20)
        assert not ending.is_alive()
    assert len(told(bench, webhook.id)) == 1
