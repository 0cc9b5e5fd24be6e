"""Chores: done now and then, each for itself, by whichever process there is."""

import os
from datetime import timedelta

import pytest

from stemwright.entry.upkeep import Upkeep
from stemwright.errors import StorageUnreachable
from stemwright.kit.clock import utc_now
from support.live_server import wait_until


@pytest.mark.parametrize("error", [StorageUnreachable("gone"), OSError(5, "no"), ValueError("?")])
def test_a_chore_that_fails_keeps_no_other_from_being_done(error):
    done = []

    def fail():
        raise error

    upkeep = Upkeep(lambda: {"bad": fail, "good": lambda: done.append(1)}, every_s=0.01)
    upkeep.start()
    wait_until(lambda: len(done) > 2, "the third round")
    upkeep.stop()


def test_a_host_without_a_worker_tidies_up_after_mixes_that_were_killed(service):
    folder = service.library.mixes.open_folder()
    (folder / "mix.wav").write_bytes(b"half a mix")
    long_ago = (utc_now() - timedelta(days=3)).timestamp()
    os.utime(folder, (long_ago, long_ago))

    upkeep = Upkeep(service.host_chores, every_s=0.01)
    upkeep.start()
    wait_until(lambda: not folder.exists(), "the end of the folder")
    upkeep.stop()
