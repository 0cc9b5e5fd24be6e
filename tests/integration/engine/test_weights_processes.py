"""Pulls in processes of their own: killed halfway, and two at once."""

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from support.hub_server import Gate, HubServer
from support.small_model import CONTENT, FILE, small_model, small_store

TESTS = Path(__file__).parents[2]
HALF = len(CONTENT) // 2
PULL = """
import sys
from pathlib import Path
from support.small_model import small_model, small_store

def progress(report):
    if report.phase != progress.last:
        progress.last = report.phase
        print(report.phase, flush=True)

progress.last = None
small_store(Path(sys.argv[1]), sys.argv[2]).pull(small_model(), progress=progress)
print("done", flush=True)
"""


@pytest.fixture
def hub():
    with HubServer() as server:
        server.publish(f"/{FILE}", CONTENT, gate=Gate(HALF))
        yield server


@contextmanager
def _pulling(folder, hub):
    command = [sys.executable, "-c", PULL, str(folder), hub.url("")]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    with Popen(command, stdout=PIPE, stderr=PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_pull_is_continued_by_the_next(hub, tmp_path, stop):
    gate = hub.files[f"/{FILE}"].gate
    with _pulling(tmp_path, hub) as process:
        assert gate.reached.wait(30)
        part = tmp_path / ".downloads-small" / f"{FILE}.part"
        _until_written(part, process)
        process.send_signal(stop)
        process.wait(30)
    gate.opened.set()
    assert small_store(tmp_path).installed(small_model()) is None
    store = small_store(tmp_path, hub.url(""))
    store.pull(small_model())
    assert store.require(small_model()).read_bytes() == CONTENT
    assert hub.ranges_asked()[0] is None
    assert hub.ranges_asked()[1].startswith("bytes=")


def _until_written(part, process):
    while not (part.is_file() and part.stat().st_size):
        assert process.poll() is None


def test_two_pulls_at_once_fetch_once(hub, tmp_path):
    gate = hub.files[f"/{FILE}"].gate
    with _pulling(tmp_path, hub) as first:
        assert gate.reached.wait(30)
        with _pulling(tmp_path, hub) as second:
            assert second.stdout.readline() == "waiting\n"
            gate.opened.set()
            assert second.stdout.read() == "done\n"
        assert first.stdout.read().endswith("done\n")
    assert len(hub.requests) == 1
    assert small_store(tmp_path).require(small_model()).read_bytes() == CONTENT


def test_who_waits_for_a_process_that_dies_takes_over(hub, tmp_path):
    gate = hub.files[f"/{FILE}"].gate
    with _pulling(tmp_path, hub) as first:
        assert gate.reached.wait(30)
        with _pulling(tmp_path, hub) as second:
            assert second.stdout.readline() == "waiting\n"
            first.kill()
            gate.opened.set()
            assert second.stdout.read().endswith("done\n")
    assert len(hub.requests) == 2
