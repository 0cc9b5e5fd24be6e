"""The commands for accounts, keys and credits, as a person or a script meets them."""

import io
import json
import re
import sys

import pytest

from stemwright.entry import cli
from stemwright.entry.opening import accounts_in, credits_by
from stemwright.entry.wiring import Wiring
from stemwright.errors import KeyRevoked
from stemwright.settings import Settings


class Terminal:
    """Runs commands on one data folder; `out` and `err` are what the last one said."""

    def __init__(self, folder, capsys):
        self.environ = {"STEMWRIGHT_DATA_DIR": str(folder / "kept")}
        self.wiring = Wiring(settings=lambda: Settings.load(self.environ))
        self.capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments):
        status = cli._run(arguments, self.wiring)
        self.out, self.err = self.capsys.readouterr()
        return status

    def json(self, *arguments):
        assert self(*arguments, "--json") == 0, self.err
        return json.loads(self.out)

    def authenticate(self, secret):
        database = self.wiring.database(self.wiring.settings())
        accounts = accounts_in(database, credits_by(self.wiring.settings()))
        try:
            return accounts.authenticate(f"Bearer {secret}")
        finally:
            accounts.close()
            database.close()


@pytest.fixture
def run(tmp_path, capsys):
    return Terminal(tmp_path, capsys)


def test_the_first_key_needs_nothing_but_a_name(run):
    assert run("keys", "create", "laptop") == 0
    assert re.fullmatch(r"sk_live_[\w-]{43}\n", run.out)
    assert "shown only now" in run.err
    assert run.authenticate(run.out.strip()).email == "local@localhost"


def test_a_key_belongs_to_the_account_named(run):
    run("users", "create", "ada@example.org")
    run("keys", "create", "laptop", "--user", "ADA@example.org")
    assert run.authenticate(run.out.strip()).email == "ada@example.org"


def test_a_list_shows_keys_and_no_secret(run):
    made = run.json("keys", "create", "laptop", "--expires", "90d")
    assert run("keys", "list") == 0
    assert made["key"] not in run.out
    assert [word in run.out for word in (made["id"], "laptop", "valid", "never")] == [True] * 4
    made.pop("key")
    assert run.json("keys", "list") == [made]


def test_a_key_is_revoked_as_the_list_spells_it(run):
    made = run.json("keys", "create", "laptop")
    assert run("keys", "revoke", made["prefix"] + "…") == 0
    assert run.json("keys", "list")[0]["state"] == "revoked"
    with pytest.raises(KeyRevoked):
        run.authenticate(made["key"])


@pytest.mark.parametrize("span", ["", "90", "d", "0d", "-1d", "1.5h", "9999999d", "99999w", "1y"])
def test_a_time_span_that_is_none_makes_no_key(run, span):
    assert run("keys", "create", "laptop", f"--expires={span}") == 2
    assert "write 12h, 90d or 8w" in run.err
    assert run.json("keys", "list") == []


def test_an_account_opened_by_the_operator_works_at_once(run):
    made = run.json("users", "create", "ada@example.org", "--admin", "--name", "Ada")
    assert (made["role"], made["state"], made["name"]) == ("admin", "active", "Ada")
    assert run.json("users", "show", "ada@example.org") == made
    assert run.json("users", "list") == [made]


def test_an_account_is_suspended_unsuspended_and_verified(run):
    run("users", "create", "ada@example.org", "--unverified")
    commands = ("show", "verify", "suspend", "unsuspend")
    states = [run.json("users", command, "ADA@example.org")["state"] for command in commands]
    assert states == ["unverified", "active", "suspended", "active"]


def test_an_account_becomes_an_administrators_and_a_plain_one_again(run):
    run("users", "create", "ada@example.org")
    roles = [
        run.json("users", command, "ADA@example.org")["role"]
        for command in ("promote", "promote", "show", "demote", "show")
    ]
    assert roles == ["admin", "admin", "admin", "user", "user"]
    assert run("users", "promote", "nobody@example.org") == 10


def test_an_account_is_shown_and_listed_for_people(run):
    run("users", "create", "ada@example.org")
    assert (run("users", "list"), "ada@example.org" in run.out) == (0, True)
    assert (run("users", "show", "ada@example.org"), "has password: no" in run.out) == (0, True)


@pytest.mark.parametrize("line", [b"correct horse battery\n", b"correct horse battery\r\nmore"])
def test_a_password_comes_on_stdin(run, monkeypatch, line):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line)))
    run("users", "create", "ada@example.org", "--password-stdin")
    database = run.wiring.database(run.wiring.settings())
    found = accounts_in(database, credits_by(run.wiring.settings()))
    assert found.check_password("ada@example.org", "correct horse battery") is not None
    database.close()


@pytest.mark.parametrize("line", [b"", b"short\n", b"\xff" * 20])
def test_a_password_that_is_none_changes_nothing(run, monkeypatch, line):
    run("users", "create", "ada@example.org")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line)))
    assert run("users", "password", "ada@example.org", "--password-stdin") == 10
    assert run.json("users", "show", "ada@example.org")["has_password"] is False


@pytest.mark.parametrize(
    "arguments",
    [
        ("users", "show", "nobody@example.org"),
        ("users", "suspend", "nobody@example.org"),
        ("users", "create", "nobody"),
        ("keys", "create", "laptop", "--user", "nobody@example.org"),
        ("keys", "create", ""),
        ("keys", "revoke", "key_none"),
        ("credits", "show", "nobody@example.org"),
    ],
)
def test_what_is_not_there_is_one_line_and_a_status(run, arguments):
    assert run(*arguments) == 10
    assert re.fullmatch(r"error: .+\n", run.err)
    assert run.out == ""


@pytest.fixture
def metered(run):
    run.environ |= {"STEMWRIGHT_CREDITS": "metered", "STEMWRIGHT_CREDITS_GRANT_S": "100"}
    run("users", "create", "ada@example.org")
    return run


def test_an_account_starts_with_the_grant_of_the_settings(metered):
    assert metered.json("credits", "show", "ada@example.org")["balance_s"] == 100


def test_credits_are_granted_and_taken_back(metered):
    metered("credits", "grant", "ada@example.org", "50", "--note", "a gift")
    metered("credits", "grant", "ada@example.org", "-30")
    assert metered.out == "ada@example.org has 120 credits\n"
    found = metered.json("credits", "history", "ada@example.org")
    movements = [(it["kind"], it["seconds"], it["balance_s"]) for it in found]
    assert movements == [("adjustment", -30, 120), ("grant", 50, 150), ("grant", 100, 100)]


def test_a_history_is_as_long_as_asked_for(metered):
    metered("credits", "grant", "ada@example.org", "50", "--note", "a gift")
    assert metered("credits", "history", "ada@example.org", "--limit", "1") == 0
    assert re.search(r"grant +\+50 +150 +a gift\n$", metered.out)


def test_no_more_is_taken_than_there_is(metered):
    assert metered("credits", "grant", "ada@example.org", "-101") == 10
    assert "has 100" in metered.err


def test_nothing_is_not_granted(metered):
    assert metered("credits", "grant", "ada@example.org", "0") == 2


def test_while_credits_are_off_that_is_said(run):
    run("keys", "create", "laptop")
    assert run("credits", "show", "local@localhost") == 0
    assert "Credits are off" in run.err
