"""The service when much comes at once, and when what it stands on gives way."""

from __future__ import annotations

import io
import time
import zipfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from support.forge_service import NO_LIMITS, ForgeService
from support.forge_world import TRACK_PAGE, ForgeWorld
from support.live_server import wait_until

pytestmark = pytest.mark.slow

SEPARATE, ANALYSE, DOWNLOAD = (
    "/api/processing/separate",
    "/api/analysis/analyze",
    "/api/download/track",
)


@pytest.fixture(scope="module")
def shaken(tmp_path_factory, around):
    settings = {**around.settings(), **NO_LIMITS}
    with ForgeService(tmp_path_factory.mktemp("shaken"), settings) as service:
        world = ForgeWorld(service, around)
        yield world
        world.close()


@pytest.fixture
def api(shaken):
    return shaken.alice.api


def test_ten_orders_of_one_song_at_once_are_one_download(shaken, api):
    url = f"{TRACK_PAGE}/{shaken.around.publish('Twins')}"
    with ThreadPoolExecutor(10) as threads:
        orders = list(threads.map(lambda _: api.post(DOWNLOAD, json={"url": url}), range(10)))

    assert {order.status_code for order in orders} == {201}
    [job_id] = {order.json()["data"]["job_id"] for order in orders}
    assert shaken.ended("download", job_id)["status"] == "completed"


def test_an_archive_that_is_on_its_way_comes_whole_whatever_replaces_its_stems(shaken, api):
    track = shaken.separated_track
    with api.stream("GET", f"/export/stems/{track}") as answer:
        blocks = answer.iter_raw(1 << 16)
        received = next(blocks)
        shaken.done("processing", SEPARATE, track_id=track)
        received += b"".join(blocks)

    with zipfile.ZipFile(io.BytesIO(received)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 4


def test_a_storage_that_is_away_is_no_storage_without_files(shaken, api):
    storage, away = (shaken.service.data_dir / name for name in ("objects", "away"))
    track, path = shaken.separated_track, shaken.audio_path
    storage.rename(away)

    answers = [api.get(it) for it in (f"/export/stems/{track}", f"/files/{path}")]
    health = api.get("/health")
    job_id = shaken.order(ANALYSE, track_id=track)
    wait_until(lambda: "storage not there" in shaken.service.log, "the first try")
    away.rename(storage)

    assert {it.json()["code"] for it in answers} == {"service_unavailable"}
    assert (health.status_code, health.json()["checks"]["storage"]["status"]) == (503, "error")
    assert shaken.ended("analysis", job_id)["status"] == "completed"
    assert api.get(f"/files/{path}").status_code == 200
    wait_until(lambda: api.get("/health").status_code == 200, "its health")


def test_two_hundred_requests_at_once_are_all_answered_while_songs_are_separated(shaken):
    # a connection kept alive may be closed just as it is used again, which is nobody's fault
    alone = {"limits": httpx.Limits(max_keepalive_connections=0)}
    alice, service, track = shaken.alice, shaken.service, shaken.separated_track
    api = service.client(headers=alice.api.headers, **alone)
    browser = service.client(headers=alice.browser.headers, cookies=alice.browser.cookies, **alone)
    job, song = shaken.processing_job, shaken.around.song.read_bytes()
    url = f"{TRACK_PAGE}/{shaken.spotify_track}"
    mix = {"data": {"track_id": track}, "files": {"stems[]": ("vocals.flac", song)}}
    asked = {
        "health": lambda: api.get("/health"),
        "home": lambda: browser.get("/"),
        "fetch": lambda: api.post("/api/spotify/fetch", json={"url": url}),
        "download": lambda: api.post(DOWNLOAD, json={"url": url}),
        "separate": lambda: api.post(SEPARATE, json={"track_id": track}),
        "analyse": lambda: api.post(ANALYSE, json={"track_id": track}),
        "read": lambda: api.get(f"/api/processing/job/{job}"),
        "events": lambda: api.get(f"/api/jobs/{job}/events"),
        "quota": lambda: browser.get("/api/lalalai/quota"),
        "stems": lambda: api.get(f"/export/stems/{track}"),
        "file": lambda: api.get(f"/files/{shaken.audio_path}"),
        "mix": lambda: api.post("/api/daw/export", **mix),
        "jobs": lambda: api.get("/api/v1/jobs"),
    }
    statuses = defaultdict(set)

    def ask(number):
        name = list(asked)[number % len(asked)]
        statuses[name].add(asked[name]().status_code)

    assert shaken.audio_path
    began = time.monotonic()
    with api, browser, ThreadPoolExecutor(100) as threads:
        list(threads.map(ask, range(200)))

    assert time.monotonic() - began < 60
    assert {name: some for name, some in statuses.items() if not some <= {200, 201}} == {}


@pytest.mark.long
def test_a_playlist_of_five_hundred_keeps_nobody_else_from_writing_or_waiting(shaken, api):
    around, bob = shaken.around, shaken.bob.api
    songs = [around.spotify.catalogue.track(8000 + number, f"S {number}") for number in range(500)]
    playlist = around.spotify.catalogue.playlist(8000, "Long", songs, "old")
    alone, hit = shaken.spotify_track, around.publish("Of Bob alone")
    slowest = 0.0

    with ThreadPoolExecutor(1) as threads:
        url = f"https://open.spotify.com/playlist/{playlist}"
        ordering = threads.submit(api.post, DOWNLOAD, json={"url": url}, timeout=60)
        while not ordering.done():
            began = time.monotonic()
            fetched = bob.post("/api/spotify/fetch", json={"url": f"{TRACK_PAGE}/{alone}"})
            assert fetched.status_code == 200
            slowest = max(slowest, time.monotonic() - began)
    ordered = bob.post(DOWNLOAD, json={"url": f"{TRACK_PAGE}/{hit}"}).json()["data"]["job_id"]
    wait_until(lambda: _status(bob, ordered) == "completed", "Bob's song")

    jobs = ordering.result().json()["data"]["jobs"]
    assert len({job["job_id"] for job in jobs}) == 500
    assert slowest < 4
    for job in jobs:
        api.delete(f"/api/download/job/{job['job_id']}")


def _status(api, job_id):
    return api.get(f"/api/download/job/{job_id}").json()["data"]["status"]


def test_after_all_this_nothing_was_a_defect(shaken):
    assert "Traceback" not in shaken.service.log
