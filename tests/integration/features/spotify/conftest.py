import pytest

from support.spotify import Bench
from support.spotify_server import SpotifyServer


@pytest.fixture
def server():
    with SpotifyServer() as running:
        yield running


@pytest.fixture
def make_bench(server, tmp_path):
    """Further processes on the same database, or others."""
    made = []

    def make(url=f"sqlite:///{tmp_path / 'spotify.sqlite3'}", **options):
        made.append(Bench(url, server, **options))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


@pytest.fixture
def bench(make_bench):
    return make_bench()
