"""Segments from many threads, run together."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from stemwright.engine.runtimes.batches import Batches
from support.live_server import wait_until


class Doubling:
    """Doubles what it is given, and waits before the first batch until it may."""

    def __init__(self):
        self.sizes = []
        self.begun, self.may = threading.Event(), threading.Event()

    def __call__(self, segments):
        self.begun.set()
        assert self.may.wait(30)
        self.sizes.append(len(segments))
        return [2 * segment for segment in segments]


@pytest.fixture
def run():
    return Doubling()


def test_what_waits_meanwhile_is_run_together_and_nobody_gets_anothers(run):
    batches = Batches(run, most=4)
    with ThreadPoolExecutor(10) as threads:
        first = threads.submit(batches, np.float32([0]))
        assert run.begun.wait(30)
        others = [threads.submit(batches, np.float32([n])) for n in range(1, 10)]
        wait_until(lambda: batches._waiting.qsize() == 9, "nine that wait")
        run.may.set()
        found = [future.result(30)[0] for future in (first, *others)]
    batches.close()

    assert found == [2 * n for n in range(10)]
    assert run.sizes == [1, 4, 4, 1]


def test_a_batch_that_fails_fails_for_its_callers_and_not_for_the_next():
    def run(segments):
        if segments[0][0] < 0:
            raise ValueError("negative")
        return segments

    batches = Batches(run, most=2)
    with pytest.raises(ValueError, match="negative"):
        batches(np.float32([-1]))
    assert batches(np.float32([3]))[0] == 3
    batches.close()


def test_what_waits_at_the_end_is_still_run(run):
    batches = Batches(run, most=2)
    with ThreadPoolExecutor(4) as threads:
        found = [threads.submit(batches, np.float32([n])) for n in range(3)]
        assert run.begun.wait(30)
        wait_until(lambda: batches._waiting.qsize() == 2, "two that wait")
        closing = threads.submit(batches.close)
        run.may.set()
        assert sorted(float(future.result(30)[0]) for future in found) == [0, 2, 4]
        closing.result(30)
