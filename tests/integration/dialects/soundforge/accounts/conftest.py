import pytest

from support.browsers import AccountBench


@pytest.fixture
def bench(tmp_path):
    with AccountBench(tmp_path) as bench:
        yield bench


@pytest.fixture
def mailing(tmp_path):
    """As ``bench``, with a mail server."""
    with AccountBench(tmp_path, mail=True) as bench:
        yield bench


@pytest.fixture
def browser(bench):
    return bench.browser()
