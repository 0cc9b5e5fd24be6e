"""Fetching models by the command line: the licence is put to whoever can be asked, once."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from stemwright.engine.catalog import NOTE_MODEL
from support.hub_server import HubServer

SCRIPT = Path(__file__).parents[1] / "support" / "catalogue_cli.py"
NAME = NOTE_MODEL.name
CONTENT = b"notes" * 1000
TERMS = "Apache License 2.0"


@dataclass
class Shell:
    folder: Path
    hub: HubServer

    @property
    def options(self):
        environment = {
            **os.environ,
            "PYTHONPATH": str(SCRIPT.parents[1]),
            "CATALOGUE": str(self.folder / "catalogue.json"),
            "STEMWRIGHT_DATA_DIR": str(self.folder / "data"),
            "STEMWRIGHT_MODEL_SOURCES": self.hub.url(""),
        }
        return {"env": environment, "text": True, "timeout": 60}

    def run(self, *arguments):
        """With nobody there."""
        return subprocess.run(
            [sys.executable, str(SCRIPT), "models", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            **self.options,
        )

    def answer(self, text, *arguments):
        """At a terminal, where ``text`` is typed."""
        ours, theirs = os.openpty()
        os.write(ours, f"{text}\n".encode())
        try:
            done = subprocess.run(
                [sys.executable, str(SCRIPT), "models", *arguments],
                stdin=theirs,
                stdout=subprocess.PIPE,
                stderr=theirs,
                check=False,
                **self.options,
            )
            os.set_blocking(ours, False)
            return done, _read(ours)
        finally:
            os.close(ours)
            os.close(theirs)

    def accepted(self):
        listed = json.loads(self.run("list", "--json").stdout)
        return next(it for it in listed if it["name"] == NAME)["licence"]["accepted"]


def _read(terminal):
    said = b""
    try:
        while block := os.read(terminal, 65536):
            said += block
    except OSError:
        pass  # there is no more
    return said.decode()


@pytest.fixture
def shell(tmp_path):
    with HubServer() as hub:
        hub.publish("/notes.bin", CONTENT)
        pin = ("notes.bin", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
        (tmp_path / "catalogue.json").write_text(json.dumps({NAME: [pin]}))
        yield Shell(tmp_path, hub)


def test_where_nobody_can_be_asked_the_terms_are_shown_and_going_on_accepts_them(shell):
    assert shell.accepted() is None
    found = shell.run("pull", NAME)

    assert (found.returncode, TERMS in found.stderr) == (0, True)
    assert "Do you accept" not in found.stderr
    assert shell.accepted()["how"] == "unattended"
    shell.run("remove", NAME)
    done, _ = shell.answer("n", "pull", NAME)
    assert done.returncode == 5, "somebody has to be asked once"


def test_a_script_may_say_that_it_accepts(shell):
    found = shell.run("pull", NAME, "--accept-licence", "--quiet")
    assert (found.returncode, found.stdout, TERMS in found.stderr) == (0, "", True)
    assert shell.accepted()["how"] == "option"
    assert shell.accepted()["by"]


def test_at_a_terminal_who_says_no_gets_nothing(shell):
    for answer in ("n", ""):
        done, said = shell.answer(answer, "pull", NAME)
        assert done.returncode == 5
        assert "Do you accept these terms? [y/N]" in said
        assert "nothing was fetched" in said
    assert shell.accepted() is None
    assert shell.hub.requests == []


def test_at_a_terminal_who_says_yes_is_not_asked_again(shell):
    done, said = shell.answer("y", "pull", NAME)
    assert (done.returncode, TERMS in said) == (0, True)
    assert shell.accepted()["how"] == "asked"

    shell.run("remove", NAME)
    done, said = shell.answer("n", "pull", NAME)
    assert (done.returncode, "Do you accept" in said) == (0, False)


def test_the_list_says_what_is_used_accepted_and_left(shell):
    assert "0 MB used" in shell.run("list").stdout
    shell.run("pull", NAME)
    lines = shell.run("list").stdout.splitlines()
    row = next(line for line in lines if line.startswith(NAME))

    assert lines[0].split() == ["NAME", "STATE", "DISK", "LICENCE", "ACCEPTED", "TIERS", "STEMS"]
    assert row.split()[1:6] == ["installed", "0", "MB", "apache-2.0", "unasked"]
    assert "GB free" in lines[-1]
    assert "(unattended)" in shell.run("info", NAME).stdout


def test_a_tier_runs_the_model_that_is_chosen_for_it(shell):
    assert shell.run("default").stdout.splitlines()[2] == "best: htdemucs (auto)"
    assert shell.run("default", "best", "mdx_extra").stdout.startswith("best: mdx_extra (as chosen")
    listed = {it["name"]: it["tiers"] for it in json.loads(shell.run("list", "--json").stdout)}
    assert (listed["mdx_extra"], listed["htdemucs_ft"]) == (["best"], [])
    document = json.loads(shell.run("default", "best", "--json").stdout)
    assert document == [{"tier": "best", "model": "mdx_extra", "chosen": True}]
    assert shell.run("default", "best", "auto").stdout == "best: htdemucs (auto)\n"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("finest",), 2), (("best", "spleeter"), 5), (("best", NAME), 5)],
)
def test_a_tier_or_model_that_is_none_is_refused(shell, arguments, status):
    found = shell.run("default", *arguments)
    assert (found.returncode, arguments[-1] in found.stderr) == (status, True)
