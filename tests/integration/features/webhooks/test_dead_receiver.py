"""One receiver that never answers does not hold up the others."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from stemwright.features.webhooks.lanes import Lanes
from support.webhook_receiver import Answering, WebhookReceiver

MANY = 300


def test_hundreds_of_deliveries_to_a_dead_receiver_let_a_later_one_pass(bench, receiver):
    bench.courier.lanes = Lanes(per_host=1)
    with WebhookReceiver() as dead:
        dead.always = Answering(fault="hang")
        job = bench.ended(callback_url=dead.url())
        with bench.database.transaction() as session:
            for number in range(1, MANY):
                bench.webhooks.job_ended(session, replace(job, id=f"job_{number}"))
        bench.ended(callback_url=receiver.url())
        due = bench.queue.take_due("webhooks.deliver")
        with ThreadPoolExecutor(2) as workers:
            first, *others = (workers.submit(bench.courier.deliver, *task.args) for task in due)
            others[-1].result(60)
            assert dead.hanging.is_set()
            assert len(receiver.received) == 1
            assert not first.done(), "the first one is still waiting for its receiver"
            dead.released.set()
    assert len(dead.received) == 1
    assert bench.outcomes.count("postponed") == MANY - 1


def test_a_receiver_that_keeps_us_waiting_is_left_alone_for_a_while(bench, receiver):
    bench.courier.budget_s = 1.1
    receiver.always = Answering(fault="hang")
    for _ in range(3):
        bench.ended(callback_url=receiver.url())
    bench.run_due()
    assert len(receiver.received) == 1
    assert bench.outcomes == ["retrying", "postponed", "postponed"]
    assert bench.run_next() > 4
