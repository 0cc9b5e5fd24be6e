import pytest

from support.lalalai_bench import Bench, FakeTime, Kept
from support.lalalai_server import LalalaiServer


@pytest.fixture
def time():
    return FakeTime()


@pytest.fixture
def server(time):
    with LalalaiServer(time.now) as lalalai:
        yield lalalai


@pytest.fixture
def bench(server, time, tmp_path):
    bench = Bench(server, time, tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def kept():
    return Kept()
