"""Runs that are stopped in the middle of a song, at every strength."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.gain_cli import install_model
from support.songs import write_song

SCRIPT = Path(__file__).parents[1] / "support" / "gain_cli.py"


class Held:
    """A batch of two songs that waits in the second segment of the second one."""

    def __init__(self, folder):
        self.folder = folder
        self.marker = folder / "held"
        install_model(folder / "data")
        # The first song is a single segment, and only the second segment of a song is held.
        write_song(folder / "songs" / "a.wav", 1.0)
        write_song(folder / "songs" / "b.wav", 4.0)
        self.environment = {**os.environ, "STEMWRIGHT_DATA_DIR": str(folder / "data")}

    def start(self):
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), "separate", "songs"],
            cwd=self.folder,
            env={**self.environment, "HOLD_AT": str(self.marker)},
            stderr=subprocess.PIPE,
            text=True,
        )
        _wait_for(self.marker, process)
        return process

    def stop(self, number):
        process = self.start()
        process.send_signal(number)
        said = process.communicate(timeout=30)[1]
        return process.returncode, said

    def finish(self):
        command = [sys.executable, str(SCRIPT), "separate", "songs", "-q"]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, timeout=60, check=False
        ).returncode

    def left(self):
        out = self.folder / "stems"
        names = [path for path in out.rglob("*") if path.is_file()]
        hidden = list(self.folder.glob(".stemwright-*"))
        return sorted(str(path.relative_to(out)) for path in names) + hidden


def _wait_for(marker, process):
    deadline = time.monotonic() + 30
    while not marker.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        # There is no event to wait on across processes that a killed one would not break.
        os.sched_yield()


@pytest.fixture
def held(tmp_path):
    return Held(tmp_path)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_run_keeps_whole_songs_and_says_so(held, number, status):
    returned, said = held.stop(number)

    assert returned == status
    assert "1 of 2 songs done" in said
    assert "Traceback" not in said
    assert all(name.startswith("a/") for name in held.left())
    assert len(held.left()) == 5


def test_killed_run_leaves_nothing_half_written(held):
    returned, _ = held.stop(signal.SIGKILL)

    assert returned == -signal.SIGKILL
    assert all(name.startswith("a/") for name in held.left())
    assert len(held.left()) == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_same_command_goes_on_after_an_interruption(held, number):
    held.stop(number)

    assert held.finish() == 0
    assert len(held.left()) == 10
