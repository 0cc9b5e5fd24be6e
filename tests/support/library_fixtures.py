"""One service with a library for all, an account for each test, and servers around it."""

import pytest

from support.lalalai_bench import FakeTime
from support.lalalai_server import LalalaiServer
from support.library import Library
from support.media_site import MediaSite
from support.songs import write_song
from support.spotify_server import SpotifyServer


@pytest.fixture(scope="package")
def site():
    with MediaSite() as site:
        yield site


@pytest.fixture(scope="package")
def spotify():
    with SpotifyServer() as spotify:
        yield spotify


@pytest.fixture(scope="package")
def time():
    return FakeTime()


@pytest.fixture(scope="package")
def lalalai(time):
    with LalalaiServer(time.now) as lalalai:
        yield lalalai


@pytest.fixture(scope="package")
def library(tmp_path_factory, site, spotify, lalalai, time):
    library = Library(tmp_path_factory.mktemp("service"), site, spotify, lalalai, time)
    yield library
    library.close()


@pytest.fixture(scope="package")
def song(tmp_path_factory):
    """A bit more than six seconds."""
    return write_song(tmp_path_factory.mktemp("songs") / "Hit.flac", 6.25)


@pytest.fixture
def account(library):
    return library.account()
