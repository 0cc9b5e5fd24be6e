"""``stemwright jobs`` on a real database, with nothing else running."""

import json

import pytest

from stemwright.entry import cli
from stemwright.entry.composition import compose
from stemwright.entry.wiring import Wiring
from stemwright.jobs.service import NewJob
from stemwright.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings.load({"HOME": str(tmp_path), "STEMWRIGHT_DATA_DIR": str(tmp_path / "data")})


@pytest.fixture
def service(settings):
    composed = compose(settings)
    yield composed
    composed.close()


@pytest.fixture
def add_job(service):
    def add(name, kind="stems", owner="local"):
        facts = {"file_name": f"{name}.wav"}
        new = NewJob(id=f"job_{name}", kind=kind, owner=owner, request={"n": 1}, facts=facts)
        with service.database.transaction() as session:
            return service.jobs.create(session, new)

    return add


@pytest.fixture
def run(settings, capsys):
    def run_command(*arguments):
        status = cli._run(["jobs", *arguments], Wiring(settings=lambda: settings))
        return status, capsys.readouterr()

    return run_command


def _listed(run, *arguments):
    status, output = run("list", "--json", *arguments)
    assert status == 0
    return [job["id"] for job in json.loads(output.out)["jobs"]]


def test_jobs_are_listed_newest_first_and_chosen_by_kind_status_and_account(run, add_job, service):
    ada = service.accounts.create_user("ada@example.com")
    add_job("one")
    add_job("two", kind="denoise")
    add_job("three", owner=ada.id)
    service.jobs.cancel("job_one")

    assert _listed(run) == ["job_three", "job_two", "job_one"]
    assert _listed(run, "--kind", "denoise") == ["job_two"]
    assert _listed(run, "--status", "cancelled") == ["job_one"]
    assert _listed(run, "--user", "ada@example.com") == ["job_three"]
    assert _listed(run, "--limit", "1", "--offset", "1") == ["job_two"]


def test_the_list_for_people_names_song_and_account(run, add_job, service):
    ada = service.accounts.create_user("ada@example.com")
    for name in ("one", "two"):
        add_job(name, owner=ada.id)
    _, output = run("list", "--limit", "1")

    assert output.out.splitlines()[0].split()[:3] == ["ID", "KIND", "STATUS"]
    assert "ada@example.com" in output.out
    assert "two.wav" in output.out
    assert "1 of 2" in output.out


def test_a_job_is_shown_with_all_that_is_known(run, add_job):
    add_job("one")
    document = json.loads(run("show", "job_one", "--json")[1].out)
    assert (document["status"], document["request"]) == ("queued", {"n": 1})
    assert "status:" in run("show", "job_one")[1].out


def test_a_job_that_is_not_there_is_one_clear_line(run):
    status, output = run("show", "job_none")
    assert status != 0
    assert output.err == "error: There is no job 'job_none'.\n"


def test_some_jobs_are_cancelled_and_the_others_explained(run, add_job, service):
    for name in ("one", "two"):
        add_job(name)
    status, output = run("cancel", "job_one", "job_none", "job_two")

    assert status == 3
    assert output.out == "job_one is cancelled\njob_two is cancelled\n"
    assert "job_none" in output.err
    assert service.jobs.find(None, "job_two").status == "cancelled"


def test_all_jobs_of_an_account_are_cancelled(run, add_job, service):
    ada = service.accounts.create_user("ada@example.com")
    add_job("hers", owner=ada.id)
    add_job("mine")

    assert run("cancel", "--all", "--user", "ada@example.com")[1].out == "1 cancelled\n"
    assert service.jobs.find(None, "job_mine").status == "queued"
    assert run("cancel", "--all")[1].out == "1 cancelled\n"


@pytest.mark.parametrize("wrong", [(), ("job_one", "--all"), ("job_one", "--user", "a@b.c")])
def test_what_to_cancel_is_said_in_one_way(run, wrong):
    assert run("cancel", *wrong)[0] == 2


def test_a_cancelled_job_is_retried(run, add_job, service):
    add_job("one")
    service.jobs.cancel("job_one")

    assert run("retry", "job_one")[1].out == "job_one is queued\n"
    status, output = run("retry", "job_one")
    assert status != 0
    assert "queued" in output.err
