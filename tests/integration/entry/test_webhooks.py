"""``stemwright webhooks`` on a real database, with nothing else running."""

import json
from datetime import UTC, datetime

import pytest

from stemwright.entry import cli
from stemwright.entry.composition import compose
from stemwright.entry.wiring import Wiring
from stemwright.features.webhooks.tables import DeliveryRow, WebhookRow
from stemwright.jobs.service import NewJob
from stemwright.settings import Settings

ADDRESS = "http://127.0.0.1:9/hook"


@pytest.fixture
def settings(tmp_path):
    return Settings.load(
        {
            "HOME": str(tmp_path),
            "STEMWRIGHT_DATA_DIR": str(tmp_path / "data"),
            "STEMWRIGHT_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
        }
    )


@pytest.fixture
def service(settings):
    composed = compose(settings)
    yield composed
    composed.close()


@pytest.fixture
def local(service):
    return service.accounts.ensure_default_user().id


@pytest.fixture
def ada(service):
    return service.accounts.create_user("ada@example.com").id


@pytest.fixture
def end_job(service):
    def end(owner, **request):
        new = NewJob(kind="stems", owner=owner, request=request, facts={})
        with service.database.transaction() as session:
            job = service.jobs.create(session, new)
        return service.jobs.cancel(job.id)

    return end


@pytest.fixture
def run(settings, capsys):
    def run_command(*arguments):
        status = cli._run(["webhooks", *arguments], Wiring(settings=lambda: settings))
        return status, capsys.readouterr()

    return run_command


def _json(run, *arguments):
    status, output = run(*arguments, "--json")
    assert status == 0, output.err
    return json.loads(output.out)


def _given_up(service, delivery_id):
    """Leave a delivery, and its webhook, as a receiver that never answered does."""
    with service.database.transaction() as session:
        row = session.get(DeliveryRow, delivery_id)
        row.status, row.attempts, row.due_at = "failed", 5, None
        row.last_error, row.last_attempt_at = "HTTP 500", datetime(2030, 2, 1, 9, tzinfo=UTC)
        webhook = session.get(WebhookRow, row.webhook_id)
        webhook.is_active, webhook.fail_count, webhook.last_error = False, 20, "HTTP 500"


def test_webhooks_of_the_local_account_are_listed_unless_another_is_named(run, service, local, ada):
    mine = service.webhooks.register(local, ADDRESS)
    hers = service.webhooks.register(ada, ADDRESS, ["job.failed"])

    [listed] = _json(run, "list")
    assert (listed["id"], listed["state"], listed["url"]) == (mine.id, "active", ADDRESS)
    assert mine.secret not in run("list")[1].out
    [listed] = _json(run, "list", "--user", "ADA@example.com")
    assert (listed["id"], listed["events"]) == (hers.id, ["job.failed"])


def test_before_there_is_an_account_there_is_no_webhook(run):
    assert run("list")[1].out.split()[:2] == ["ID", "STATE"]
    assert _json(run, "list") == []


def test_deliveries_are_listed_newest_first(run, service, local, end_job):
    webhook = service.webhooks.register(local, ADDRESS)
    jobs = [end_job(local).id, end_job(local).id]

    assert [it["job_id"] for it in _json(run, "deliveries", webhook.id)] == jobs[::-1]
    [newest] = _json(run, "deliveries", webhook.id, "--limit", "1")
    assert (newest["job_id"], newest["status"], newest["attempts"]) == (jobs[1], "pending", 0)
    assert "never" in run("deliveries", webhook.id)[1].out


def test_deliveries_to_the_addresses_of_jobs_are_listed(run, local, end_job):
    end_job(local, callback_url=ADDRESS)
    [listed] = _json(run, "deliveries", "callback")
    assert (listed["webhook_id"], listed["url"]) == ("callback", ADDRESS)


def test_what_a_receiver_refused_is_shown_and_delivered_again(run, service, local, end_job):
    webhook = service.webhooks.register(local, ADDRESS)
    end_job(local)
    [delivery] = service.webhooks.deliveries(local, webhook.id)
    _given_up(service, delivery.id)
    assert _json(run, "list")[0]["state"] == "off"
    assert "HTTP 500" in run("deliveries", webhook.id)[1].out

    assert run("redeliver", delivery.id)[1].out == f"{delivery.id} is pending\n"

    assert _json(run, "list")[0]["state"] == "active"
    [again] = _json(run, "deliveries", webhook.id)
    assert (again["status"], again["attempts"], again["due_at"] is None) == ("pending", 0, False)


@pytest.mark.parametrize("what", ["deliveries", "redeliver"])
@pytest.mark.parametrize("named", ["another's", "none", "\udcff"])
def test_what_is_not_the_accounts_is_not_there(run, service, ada, end_job, what, named):
    webhook = service.webhooks.register(ada, ADDRESS)
    end_job(ada)
    [delivery] = service.webhooks.deliveries(ada, webhook.id)
    hers = {"deliveries": webhook.id, "redeliver": delivery.id}[what]

    status, output = run(what, hers if named == "another's" else named)

    assert status == 12
    assert output.err.startswith("error: There is no ")


def test_the_secret_for_callbacks_is_the_accounts_own(run, service, local, ada):
    assert run("callback-secret")[1].out == service.webhooks.callback_secret(local) + "\n"
    hers = run("callback-secret", "--user", "ada@example.com")[1].out
    assert hers == service.webhooks.callback_secret(ada) + "\n"
    assert run("callback-secret", "--user", "nobody@example.com")[0] == 10
