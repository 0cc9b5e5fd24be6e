"""The composed service: two of them on one database see one truth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from stemwright.db.database import Database
from stemwright.entry.composition import base_url, compose
from stemwright.entry.service_demo import _fresh_key
from stemwright.errors import DatabaseUnavailable, InsufficientCredits, JobStateConflict, KeyRevoked
from stemwright.jobs.job import Artefact
from stemwright.jobs.service import Outcome
from stemwright.kit.ids import new_id
from stemwright.settings import Settings

GRANT_S = 100
STEM = Artefact("vocals", "jobs/a/1/vocals.mp3", "audio/mpeg", 3)


def load(folder, **more):
    environ = {
        "HOME": str(folder),
        "STEMWRIGHT_DATA_DIR": str(folder / "data"),
        "STEMWRIGHT_CREDITS": "metered",
        "STEMWRIGHT_CREDITS_GRANT_S": str(GRANT_S),
    }
    return Settings.load({**environ, **more})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("composed")


@pytest.fixture(scope="module")
def api(folder):
    service = compose(load(folder))
    yield service
    service.close()


@pytest.fixture(scope="module")
def cli(folder, api):
    """Another process's view, as far as the database can tell."""
    service = compose(load(folder))
    yield service
    service.close()


@pytest.fixture
def owner(api):
    return api.accounts.create_user(f"{new_id('someone')}@example.com", verified=True).id


def placed(service, owner, cost=10):
    return service.intake.place(
        owner, "stems", {"source": {"url": "x"}}, {"duration_s": cost}, cost
    )


def balance(service, owner):
    with service.database.reading() as session:
        return service.credits.balance(session, owner).seconds


def test_a_key_made_by_one_opens_the_other_until_it_is_revoked(api, cli, owner):
    key, secret = cli.accounts.create_key(owner, "from the terminal")
    assert api.accounts.authenticate(f"Bearer {secret}").owner == owner

    cli.accounts.revoke_key(key.id)

    with pytest.raises(KeyRevoked):
        api.accounts.authenticate(f"Bearer {secret}")


def test_a_job_made_by_one_is_cancelled_by_the_other_and_paid_back(api, cli, owner):
    job = placed(api, owner)
    assert balance(cli, owner) == GRANT_S - 10

    cli.jobs.cancel(job.id)

    assert api.jobs.find(owner, job.id).status == "cancelled"
    assert balance(api, owner) == GRANT_S
    with pytest.raises(JobStateConflict):
        api.jobs.cancel(job.id)


def test_credits_granted_by_one_are_spent_at_the_other(api, cli, owner):
    with pytest.raises(InsufficientCredits):
        placed(api, owner, GRANT_S + 50)
    with cli.database.transaction() as session:
        cli.credits.grant(session, owner, 50)

    assert placed(api, owner, GRANT_S + 50).cost == GRANT_S + 50
    assert balance(cli, owner) == 0


def test_a_job_is_paid_when_it_is_done_and_paid_back_when_it_is_not(api, owner):
    done, failed = (api.jobs.begin(placed(api, owner).id) for _ in range(2))

    api.jobs.complete(done, Outcome((STEM,), charged=7))
    api.jobs.fail(failed, "internal", "no")

    assert api.jobs.find(owner, done.id).charged == 7
    assert api.jobs.find(owner, failed.id).charged == 0
    assert balance(api, owner) == GRANT_S - 7


def test_a_retry_is_refused_while_it_cannot_be_paid_and_the_job_stays_failed(api, owner):
    job = api.jobs.begin(placed(api, owner, 60).id)
    api.jobs.fail(job, "internal", "no")
    placed(api, owner, 60)

    with pytest.raises(InsufficientCredits):
        api.jobs.retry(job.id)

    assert api.jobs.find(owner, job.id).status == "failed"
    assert balance(api, owner) == GRANT_S - 60


def test_requests_at_both_at_once_never_spend_more_than_there_is(api, cli, owner):
    def order(number):
        try:
            return placed((api, cli)[number % 2], owner, 30)
        except InsufficientCredits:
            return None

    with ThreadPoolExecutor(8) as pool:
        made = [job for job in pool.map(order, range(12)) if job]

    assert len(made) == GRANT_S // 30
    assert balance(api, owner) == GRANT_S % 30
    assert api.jobs.page(owner).total == len(made)


def test_every_job_has_one_task_in_the_engines_queue(api, cli, owner):
    jobs = {placed(service, owner, 1).id for service in (api, cli)}

    with api.database.reading() as session:
        inputs = session.connection().exec_driver_sql("SELECT inputs FROM workflow_input").scalars()
        kept = [text for text in inputs if any(job in text for job in jobs)]
    assert len(kept) == 2


def test_both_open_addresses_that_either_signed(api, cli, tmp_path):
    assert api.settings.data_dir == cli.settings.data_dir
    assert api.signer._signer.secret_key == cli.signer._signer.secret_key


def test_a_demonstration_revokes_the_key_of_the_one_before(api):
    first, second = (_fresh_key(api) for _ in range(2))

    assert api.accounts.authenticate(f"Bearer {second}").owner
    with pytest.raises(KeyRevoked):
        api.accounts.authenticate(f"Bearer {first}")


def test_unmetered_a_job_costs_nothing_and_says_what_it_would_have(tmp_path):
    service = compose(load(tmp_path, STEMWRIGHT_CREDITS="off"))
    owner = service.accounts.ensure_default_user().id
    before = balance(service, owner)

    job = service.jobs.begin(placed(service, owner, 12).id)
    service.jobs.complete(job, Outcome((STEM,)))

    assert service.jobs.find(owner, job.id).charged == 12
    assert balance(service, owner) == before
    service.close()


def test_on_postgresql_nothing_but_an_address_is_needed(tmp_path, postgres_url):
    service = compose(load(tmp_path, STEMWRIGHT_DATABASE_URL=postgres_url))
    owner = service.accounts.create_user("ann@example.com").id

    assert placed(service, owner).status == "queued"
    service.close()


def test_a_user_of_postgresql_who_may_not_make_schemas_is_told_so(tmp_path, postgres_url):
    admin = Database(postgres_url)
    with admin.transaction() as session:
        for statement in ("CREATE ROLE poor LOGIN", "GRANT ALL ON SCHEMA public TO poor"):
            session.connection().exec_driver_sql(statement)
    poor = admin.engine.url.set(drivername="postgresql", username="poor")
    admin.close()

    with pytest.raises(DatabaseUnavailable, match="permission denied"):
        compose(load(tmp_path, STEMWRIGHT_DATABASE_URL=poor.render_as_string()))


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({"STEMWRIGHT_PORT": "9000"}, "http://127.0.0.1:9000"),
        ({"STEMWRIGHT_HOST": "::1"}, "http://[::1]:8000"),
        ({"STEMWRIGHT_PUBLIC_URL": "https://songs.example"}, "https://songs.example"),
    ],
)
def test_clients_reach_the_service_where_it_says(tmp_path, settings, address):
    assert base_url(load(tmp_path, **settings)) == address
