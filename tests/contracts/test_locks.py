"""The locks install the same files everywhere and name no place to get them from."""

import re

import pytest

from support.repository import ROOT, read

LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))


def pins(lock):
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==(\S+)", read(lock), re.MULTILINE))


def test_there_are_locks():
    assert "requirements.lock" in LOCKS


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_by_hash(lock):
    entries = re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n?", "", read(lock)).strip())
    unhashed = [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry]
    assert unhashed == []
    assert len(entries) == len(pins(lock))


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_address_or_a_folder(lock):
    assert re.findall(r"\S*(?:://|file:|--index|--find|--extra|\.whl)\S*", read(lock)) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_torch_is_in_no_lock(lock):
    assert "torch" not in pins(lock)


def test_what_tests_and_checks_run_on_is_what_users_get():
    runtime = pins("requirements.lock")
    for lock in LOCKS:
        differing = {
            name for name, version in pins(lock).items() if runtime.get(name, version) != version
        }
        assert differing == set(), lock
