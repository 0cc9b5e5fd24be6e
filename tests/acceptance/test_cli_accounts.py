"""The account commands as processes of their own, beside a process that serves."""

import os
import subprocess
import sys

import pytest

from stemwright.entry.opening import accounts_in, credits_by, open_database
from stemwright.errors import KeyRevoked
from stemwright.settings import Settings


class Installation:
    """One data folder or database, and commands on it."""

    def __init__(self, **environ):
        self.environ = environ

    def start(self, *arguments):
        return subprocess.Popen(
            [sys.executable, "-m", "stemwright", *arguments],
            env=os.environ | self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments):
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request, tmp_path):
    environ = {"STEMWRIGHT_DATA_DIR": str(tmp_path)}
    if request.param == "postgresql":
        environ["STEMWRIGHT_DATABASE_URL"] = request.getfixturevalue("postgres").fresh_url()
    return Installation(**environ)


@pytest.fixture
def serving(installation):
    """What a running server keeps open."""
    settings = Settings.load(installation.environ)
    database = open_database(settings)
    accounts = accounts_in(database, credits_by(settings))
    yield accounts
    accounts.close()
    database.close()


def test_a_running_server_takes_a_new_key_and_refuses_it_once_revoked(installation, serving):
    secret = installation.run("keys", "create", "laptop").strip()
    assert serving.authenticate(f"Bearer {secret}").email == "local@localhost"
    installation.run("keys", "revoke", secret)
    with pytest.raises(KeyRevoked):
        serving.authenticate(f"Bearer {secret}")


def test_first_commands_at_once_make_one_database_and_one_account(installation):
    commands = [installation.start("keys", "create", f"key {number}") for number in range(4)]
    ends = [command.communicate(timeout=120) for command in commands]
    assert [command.returncode for command in commands] == [0] * 4, ends
    assert len({out for out, _ in ends}) == 4
    assert installation.run("users", "list").count("local@localhost") == 1
