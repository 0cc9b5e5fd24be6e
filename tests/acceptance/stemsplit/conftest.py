"""One real service with the real model for all official clients: metered, on the loopback."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
import stemsplit_python

from stemwright.features.separations.demo import SAMPLE_RATE, demo_song
from support.live_server import Service
from support.media_site import MediaSite
from support.stemsplit_clients import (
    GRANT_S,
    NODE,
    SONG_S,
    TRACK,
    VIDEO,
    JobReceiver,
    Node,
    new_key,
)


@pytest.fixture(scope="package")
def song(tmp_path_factory) -> Path:
    """Seven seconds of music."""
    path = tmp_path_factory.mktemp("songs") / "demo.wav"
    start = 12 * SAMPLE_RATE  # where all of it plays
    soundfile.write(path, demo_song()[:, start : start + SONG_S * SAMPLE_RATE].T, SAMPLE_RATE)
    return path


@pytest.fixture(scope="package")
def site(song, tmp_path_factory):
    """Where this service finds videos, tracks and plain files."""
    mp3 = tmp_path_factory.mktemp("media") / "demo.mp3"
    soundfile.write(mp3, *soundfile.read(song))
    with MediaSite() as site:
        site.add(VIDEO, mp3, "A video", SONG_S, author="A channel")
        site.add(TRACK, mp3, "A track", SONG_S, author="An artist")
        yield site


@pytest.fixture(scope="package")
def receiver():
    with JobReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="package")
def service(tmp_path_factory, site):
    settings = {
        "STEMWRIGHT_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
        "STEMWRIGHT_YOUTUBE_URL_TEMPLATE": site.youtube_url_template,
        "STEMWRIGHT_SOUNDCLOUD_URL_TEMPLATE": site.soundcloud_url_template,
        "STEMWRIGHT_CREDITS": "metered",
        "STEMWRIGHT_CREDITS_GRANT_S": str(GRANT_S),
        "STEMWRIGHT_RATE_LIMIT_PER_MINUTE": "100000",
    }
    with Service(tmp_path_factory.mktemp("service") / "data", settings) as service:
        yield service


@pytest.fixture(scope="package")
def base_url(service) -> str:
    return f"{service.url}/api/v1"


@pytest.fixture(scope="package")
def key(service) -> str:
    return new_key(service)


@pytest.fixture
def client(base_url, key):
    """The official Python client."""
    with stemsplit_python.StemSplit(api_key=key, base_url=base_url) as client:
        yield client


@pytest.fixture
def node(base_url, key) -> Node:
    """The official Node client."""
    if not (NODE / "node_modules").is_dir():
        pytest.skip("the Node clients are not installed; make test does it where npm is")
    return Node(base_url, key)
