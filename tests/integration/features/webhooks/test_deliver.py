"""Attempts over real HTTP: what is sent, when again, and what is noted."""

import json

import pytest
from stemsplit_python import webhooks as official

from stemwright.errors import DeliveryNotFound
from stemwright.features.webhooks.signing import WebhookSecrets
from stemwright.features.webhooks.tasks import Courier
from stemwright.features.webhooks.webhook import CALLBACK
from support.webhook_receiver import Answering
from support.webhooks import OWNER


@pytest.fixture
def webhook(bench, receiver):
    return bench.webhooks.register(OWNER, receiver.url())


def listed(bench):
    (found,) = bench.webhooks.list(OWNER)
    return found


def delivery(bench, target):
    return bench.webhooks.deliveries(OWNER, target)[0]


# ------------------------------------------------------------------------------- what is sent


def test_the_official_client_takes_a_delivery(bench, receiver, webhook):
    job = bench.ended()
    bench.run_due()
    (got,) = receiver.received
    event = official.verify_and_parse(
        payload=got.body, signature=got.headers["x-webhook-signature"], secret=webhook.secret
    )
    assert (event.event, event.data.job_id, event.data.status) == (
        "job.completed",
        job.id,
        "COMPLETED",
    )


def test_a_delivery_carries_the_headers_of_the_contract(bench, receiver, webhook):
    bench.ended()
    bench.run_due()
    headers = receiver.received[0].headers
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "stemwright-webhooks"
    assert headers["x-webhook-event"] == "job.completed"
    assert headers["x-webhook-id"] == webhook.id
    assert headers["x-webhook-delivery"] == delivery(bench, webhook.id).id
    assert headers["x-webhook-timestamp"] == str(int(bench.clock().timestamp()))
    assert headers["host"] == f"127.0.0.1:{receiver.port}"


def test_a_callback_is_signed_with_the_accounts_own_secret(bench, receiver):
    bench.ended(callback_url=receiver.url("/once"))
    bench.run_due()
    (got,) = receiver.received
    secret = bench.webhooks.callback_secret(OWNER)
    assert got.headers["x-webhook-id"] == CALLBACK
    assert official.verify_signature(got.body, got.headers["x-webhook-signature"], secret)
    assert secret != bench.webhooks.callback_secret("usr_other")
    assert delivery(bench, CALLBACK).status == "delivered"


def test_retries_send_the_same_bytes_under_the_same_id(bench, receiver, webhook):
    receiver.answers(500, 503)
    bench.ended()
    while bench.run_next() is not None:
        pass
    sent = {(got.body, got.headers["x-webhook-delivery"]) for got in receiver.received}
    stamps = {got.headers["x-webhook-timestamp"] for got in receiver.received}
    assert (len(receiver.received), len(sent), len(stamps), bench.rendered) == (3, 1, 3, 1)


def test_what_is_sent_is_the_job_as_it_ended_even_if_it_runs_again(bench, receiver, webhook):
    job = bench.jobs.cancel(bench.job().id)
    bench.jobs.retry(job.id)
    bench.run_due()
    assert json.loads(receiver.received[0].body)["data"]["status"] == "FAILED"


# ----------------------------------------------------------------------------------- when again


def test_attempts_are_made_after_0_s_30_s_2_min_10_min_and_1_h(bench, receiver, webhook):
    receiver.always = Answering(500)
    bench.ended()
    waits = list(iter(bench.run_next, None))
    assert waits == [0, 30, 90, 480, 3000]
    assert bench.outcomes == ["retrying"] * 4 + ["failed"]
    assert (delivery(bench, webhook.id).status, listed(bench).fail_count) == ("failed", 5)


@pytest.mark.parametrize(
    ("answering", "error"),
    [
        (Answering(500, b"out of\ncheese"), "HTTP 500: out of"),
        (Answering(404, b""), "HTTP 404"),
        (Answering(302, headers={"Location": "/elsewhere"}), "HTTP 302: redirects are not follo"),
        (Answering(fault="close"), "disconnected"),
        (Answering(fault="hang"), "no answer in time"),
        (Answering(fault="drip"), "no answer in time"),
    ],
    ids=["error", "silent-error", "redirect", "close", "hang", "drip"],
)
def test_any_answer_but_success_in_time_is_a_failure(bench, receiver, webhook, answering, error):
    bench.courier.budget_s = 0.5
    receiver.answers(answering)
    bench.ended()
    bench.run_due()
    found = delivery(bench, webhook.id)
    assert (found.status, found.attempts, listed(bench).fail_count) == ("pending", 1, 1)
    assert error in found.last_error
    assert listed(bench).last_error == found.last_error
    assert found.duration_ms < 5000
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(bench, receiver, webhook, status):
    receiver.answers(Answering(status, b""))
    bench.ended()
    bench.run_due()
    assert delivery(bench, webhook.id).status == "delivered"
    assert bench.outcomes == ["delivered"]


def test_success_makes_up_for_earlier_failures(bench, receiver, webhook):
    receiver.answers(500)
    bench.ended()
    bench.run_next()
    assert (listed(bench).fail_count, listed(bench).last_error) == (1, "HTTP 500: thanks")
    bench.run_next()
    assert (listed(bench).fail_count, listed(bench).last_error) == (0, None)
    assert listed(bench).last_called_at == bench.clock()
    found = delivery(bench, webhook.id)
    assert (found.attempts, found.status_code, found.last_error) == (2, 200, None)
    assert (found.last_attempt_at, found.due_at) == (bench.clock(), None)


def test_an_endless_reply_counts_and_is_kept_in_excerpt(bench, receiver, webhook):
    receiver.answers(Answering(200, "ü".encode() * 3_000_000))
    bench.ended()
    bench.run_due()
    found = delivery(bench, webhook.id)
    assert found.status == "delivered"
    assert found.response_excerpt.startswith("üü")
    assert len(found.response_excerpt.encode()) <= 4096


def test_a_reply_of_any_bytes_can_be_kept(bench, receiver, webhook):
    receiver.answers(Answering(500, b"\xff\0\xfe" * 4096))
    bench.ended()
    bench.run_due()
    found = delivery(bench, webhook.id)
    assert "\0" not in found.response_excerpt
    assert len(found.response_excerpt.encode()) <= 4096


# ----------------------------------------------------------------------- address policy, again


def test_a_name_that_leads_inside_by_now_is_not_followed(bench, receiver):
    webhook = bench.webhooks.register(OWNER, receiver.url(host="rebind.example"))
    bench.names.known["rebind.example"] = ["10.0.0.7"]
    bench.ended()
    bench.run_due()
    inside = delivery(bench, webhook.id)
    bench.names.known["rebind.example"] = []
    bench.run_next()
    unknown = delivery(bench, webhook.id)
    assert receiver.received == []
    assert (
        inside.last_error
        == unknown.last_error
        == "The host is unknown or not on the open internet."
    )
    bench.names.known["rebind.example"] = ["127.0.0.1"]
    bench.run_next()
    assert len(receiver.received) == 1


@pytest.mark.parametrize("url", ["http://10.0.0.7/admin", "http://[::1", "gopher://x/", "?"])
def test_a_callback_that_may_not_be_called_is_refused_when_it_is_made(bench, url):
    bench.ended(callback_url=url)
    bench.run_due()
    found = delivery(bench, CALLBACK)
    assert (found.status, found.status_code) == ("pending", None)
    assert "not on the open internet" in found.last_error


# ---------------------------------------------------------------- switched off, deleted, twice


def test_after_twenty_failures_in_a_row_a_webhook_is_switched_off(bench, receiver, webhook):
    receiver.always = Answering(500)
    for _ in range(21):
        bench.ended()
    bench.run_due()
    assert len(receiver.received) == 20
    assert (listed(bench).is_active, listed(bench).fail_count) == (False, 20)
    assert bench.outcomes[-2:] == ["failed", "dropped"]
    while bench.run_next() is not None:
        pass
    assert len(receiver.received) == 20
    bench.ended()
    assert len(bench.webhooks.deliveries(OWNER, webhook.id)) == 21


def test_a_deleted_webhook_gets_nothing_more(bench, receiver, webhook):
    bench.ended()
    bench.webhooks.delete(OWNER, webhook.id)
    assert bench.run_due() == 1
    assert (receiver.received, bench.outcomes) == ([], [])


def test_a_webhook_deleted_during_an_attempt_leaves_nothing_behind(bench, receiver, webhook):
    def render_and_delete(job, event):
        bench.webhooks.delete(OWNER, webhook.id)
        return {}

    bench.courier.render = render_and_delete
    bench.ended()
    bench.run_due()
    assert len(receiver.received) == 1
    assert bench.webhooks.list(OWNER) == ()
    assert bench.run_next() is None


def test_a_task_that_runs_again_after_it_was_done_does_nothing(bench, receiver, webhook):
    receiver.answers(500)
    bench.ended()
    (first,) = bench.queue.take_due("webhooks.deliver")
    for _ in range(3):
        bench.courier.deliver(*first.args)
    assert len(receiver.received) == 1
    bench.run_next()
    bench.courier.deliver(*first.args)
    assert len(receiver.received) == 2
    assert listed(bench).fail_count == 0


def test_a_crash_before_the_attempt_is_noted_repeats_the_same_delivery(
    bench, receiver, webhook, monkeypatch
):
    bench.ended()
    (first,) = bench.queue.take_due("webhooks.deliver")
    with monkeypatch.context() as killed, pytest.raises(TypeError):
        killed.setattr(Courier, "_record", None)
        bench.courier.deliver(*first.args)
    bench.courier.deliver(*first.args)
    one, two = receiver.received
    assert one.body == two.body
    assert one.headers["x-webhook-delivery"] == two.headers["x-webhook-delivery"]
    assert delivery(bench, webhook.id).attempts == 1


def test_a_result_that_comes_after_a_redelivery_was_begun_is_not_noted(bench, receiver, webhook):
    def render_and_redeliver(job, event):
        bench.courier.render = bench.render
        bench.webhooks.redeliver(OWNER, delivery(bench, webhook.id).id)
        return {"old": True}

    bench.courier.render = render_and_redeliver
    bench.ended()
    bench.run_due()
    assert [json.loads(got.body).get("old") for got in receiver.received] == [True, None]
    assert delivery(bench, webhook.id).attempts == 1


# -------------------------------------------------------------------------------- redelivery


def test_a_redelivery_is_a_new_series_with_fresh_links_under_the_old_id(bench, receiver, webhook):
    bench.ended()
    bench.run_due()
    bench.clock.pass_s(86_400)
    found = bench.webhooks.redeliver(OWNER, delivery(bench, webhook.id).id)
    assert (found.status, found.attempts, found.due_at) == ("pending", 0, bench.clock())
    receiver.answers(500)
    assert list(iter(bench.run_next, None)) == [0, 30]
    first, second, third = receiver.received
    assert first.body != second.body == third.body
    assert first.headers["x-webhook-delivery"] == third.headers["x-webhook-delivery"]


def test_a_redelivery_takes_the_place_of_attempts_that_were_planned(bench, receiver, webhook):
    receiver.answers(500)
    bench.ended()
    bench.run_due()
    bench.webhooks.redeliver(OWNER, delivery(bench, webhook.id).id)
    assert list(iter(bench.run_next, None)) == [0, 30], "the second task finds it is not its turn"
    assert len(receiver.received) == 2


def test_a_redelivery_switches_its_webhook_on_again(bench, receiver, webhook):
    receiver.always = Answering(500)
    for _ in range(20):
        bench.ended()
    bench.run_due()
    assert not listed(bench).is_active
    receiver.always = Answering()
    bench.webhooks.redeliver(OWNER, delivery(bench, webhook.id).id)
    bench.run_due()
    assert (listed(bench).is_active, listed(bench).fail_count) == (True, 0)


def test_only_the_owner_can_ask_for_a_redelivery(bench, webhook):
    bench.ended()
    known = delivery(bench, webhook.id).id
    for owner, delivery_id in (("usr_other", known), (OWNER, "none")):
        with pytest.raises(DeliveryNotFound):
            bench.webhooks.redeliver(owner, delivery_id)


# ------------------------------------------------------------------------------------- upkeep


def test_after_a_change_of_the_instances_secret_the_older_one_still_signs(bench, receiver, webhook):
    bench.courier.secrets = WebhookSecrets(["a new one", "the instance's secret"])
    bench.ended()
    bench.run_due()
    (got,) = receiver.received
    signed = got.headers["x-webhook-signature"]
    assert official.verify_signature(got.body, signed, webhook.secret)


def test_without_the_older_secret_nothing_is_sent_and_the_list_says_why(bench, receiver, webhook):
    bench.courier.secrets = WebhookSecrets(["a new one"])
    bench.ended()
    bench.run_due()
    assert receiver.received == []
    assert "register it again" in listed(bench).last_error
    assert (delivery(bench, webhook.id).status, bench.outcomes) == ("failed", ["dropped"])


def test_a_delivery_whose_task_was_lost_is_resumed(bench, receiver, webhook):
    bench.ended()
    lost = bench.queue.take_due("webhooks.deliver")
    assert bench.webhooks.resume_lost() == 0
    bench.clock.pass_s(16 * 60)
    assert bench.webhooks.resume_lost() == 1
    bench.run_due()
    bench.courier.deliver(*lost[0].args)
    assert len(receiver.received) == 1
    assert bench.webhooks.resume_lost() == 0


def test_a_delivery_that_could_not_be_attempted_for_a_day_is_given_up(bench, receiver, webhook):
    bench.ended()
    bench.clock.pass_s(86_401)
    bench.run_due()
    assert receiver.received == []
    assert "for a day" in delivery(bench, webhook.id).last_error


def test_old_deliveries_are_forgotten_unless_they_wait(bench, receiver, webhook):
    bench.ended()
    bench.run_due()
    bench.clock.pass_s(1)
    waiting = bench.ended()
    bench.clock.pass_s(31 * 86_400)
    assert bench.webhooks.sweep() == 1
    assert [left.job_id for left in bench.webhooks.deliveries(OWNER, webhook.id)] == [waiting.id]
