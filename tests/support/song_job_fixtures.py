"""One composed service for all, an account for each test, and servers to take songs from."""

import pytest

from support.media_site import MediaSite
from support.odd_server import OddServer
from support.song_jobs import SongJobs
from support.songs import write_song


@pytest.fixture(scope="package")
def site():
    with MediaSite() as site:
        yield site


@pytest.fixture(scope="package")
def songs(tmp_path_factory, site):
    songs = SongJobs(tmp_path_factory.mktemp("service"), site)
    yield songs
    songs.close()


@pytest.fixture(scope="package")
def song(tmp_path_factory):
    """A bit more than six seconds."""
    return write_song(tmp_path_factory.mktemp("songs") / "Hit.flac", 6.25)


@pytest.fixture
def account(songs):
    return songs.account()


@pytest.fixture
def odd():
    with OddServer() as odd:
        yield odd
