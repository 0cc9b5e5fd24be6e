"""What waits for other servers keeps nobody else waiting."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.forge_people import Person
from support.forge_service import NO_LIMITS, ForgeService
from support.live_server import wait_until

pytestmark = pytest.mark.slow

FETCHES = 60
"""More than there are threads of any kind."""
UNKNOWN = "7d2f0b0a-3c1e-4d5f-8a6b-0123456789ab"


class Silence:
    """A server that takes every connection and never answers, until it hangs up on all."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=500)
        self.taken: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def hang_up(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for connection in self.taken:
            connection.close()

    def _take(self) -> None:
        try:
            while True:
                self.taken.append(self._listening.accept()[0])
        except OSError:
            return


@pytest.fixture
def silence():
    silence = Silence()
    yield silence
    silence.hang_up()


@pytest.fixture
def stuck(tmp_path, around, silence):
    """A service whose Spotify does not answer."""
    silent = {
        "STEMWRIGHT_SPOTIFY_API_URL": f"{silence.url}/v1",
        "STEMWRIGHT_SPOTIFY_ACCOUNTS_URL": silence.url,
    }
    settings = {**around.settings(), **NO_LIMITS, **silent}
    with ForgeService(tmp_path, settings, command=("serve", "--no-worker")) as service:
        yield service


def test_spotify_that_does_not_answer_keeps_nobody_else_waiting(stuck, silence):
    person = Person(stuck)
    api = person.api

    def fetch(number):
        body = {"url": f"https://open.spotify.com/track/{number:022}"}
        return api.post("/api/spotify/fetch", json=body, timeout=60)

    assert api.get("/api/processing/models").status_code == 200
    with ThreadPoolExecutor(FETCHES) as threads:
        fetched = threads.map(fetch, range(FETCHES))
        wait_until(lambda: bool(silence.taken), "the first question to Spotify")
        began = time.monotonic()
        with stuck.client(headers=api.headers) as client:
            for path in ("/health", "/api/v1/balance", "/api/processing/models", "/"):
                assert client.get(path).status_code == 200
            assert client.get(f"/api/download/job/{UNKNOWN}").status_code == 404
        took_s = time.monotonic() - began
        codes = {answer.json()["code"] for answer in fetched}
    person.close()

    assert took_s < 10  # and not the 25 s after which Spotify is given up
    assert codes == {"spotify_error", "service_unavailable"}
