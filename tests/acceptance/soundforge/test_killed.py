"""A job of this API outlives its server, killed at any point: done once, paid once, kept once.

The points at which the server kills itself are in ``support/forge_crashing.py``.
"""

from __future__ import annotations

import io
import os
import signal
import sqlite3
from contextlib import closing

import pytest
import soundfile

from support import forge_crashing
from support.forge_service import NO_LIMITS, SONG_S, ForgeService
from support.live_server import wait_until

pytestmark = pytest.mark.slow

USUAL = {"stored-one", "ending", "lalalai-ordered", "lalalai-left", "analyses.analyse"}
"""Points that every run of the suite comes by; the others are `long`."""
GRANT = 1000
SPOTIFY = "https://open.spotify.com/track"
DOWNLOAD, SEPARATE, ANALYSE = (
    "/api/download/track",
    "/api/processing/separate",
    "/api/analysis/analyze",
)


def points(names):
    """Ask for each of them."""
    marked = [
        name if name in USUAL else pytest.param(name, marks=pytest.mark.long) for name in names
    ]
    return pytest.mark.parametrize("point", marked)


class Killed:
    """A service that dies where it is told to, and one account of it."""

    def __init__(self, service: ForgeService, around) -> None:
        self.service, self.around = service, around
        self.data = service.data_dir
        key = service.run("keys", "create", "test").strip()
        self.client = service.client(headers={"Authorization": f"Bearer {key}"})

    def at(self, point: str) -> None:
        """Let the next job die there, once those before it are done with."""
        at_work = "SELECT 1 FROM workflow_status WHERE status IN ('PENDING', 'ENQUEUED')"
        wait_until(lambda: not self.rows(at_work), "the end of all before")
        (self.data.parent / "crash").write_text(point)

    def order(self, path: str, **body) -> str:
        answer = self.client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"]["job_id"])

    def dies(self) -> None:
        assert self.service.wait() == -signal.SIGKILL
        self.service.start()

    def get(self, path: str):
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer

    def ended(self, kind: str, job_id: str):
        told = {}

        def look() -> bool:
            told.update(self.get(f"/api/{kind}/job/{job_id}").json()["data"])
            return told["status"] in {"completed", "failed"}

        wait_until(look, f"the end of {kind} {job_id}")
        wait_until(lambda: not self.left(job_id), "the end of its folder")
        return told

    def done(self, kind: str, path: str, **body):
        told = self.ended(kind, self.order(path, **body))
        assert told["status"] == "completed", told
        return told

    def track(self) -> str:
        """With a song."""
        url = f"{SPOTIFY}/{self.around.publish('Harbour')}"
        return str(self.done("download", DOWNLOAD, url=url)["track_id"])

    def left(self, job_id: str) -> list[str]:
        found = os.walk(self.data / "scratch")  # it goes away meanwhile
        return [folder for folder, _, _ in found if job_id in folder]

    def rows(self, sql: str, *args):
        with closing(sqlite3.connect(self.data / "stemwright.sqlite3")) as database:
            return database.execute(sql, args).fetchall()

    def balance(self) -> int:
        return int(self.get("/api/v1/balance").json()["balanceSeconds"])

    def kept(self, folder: str) -> set[str]:
        """Files in storage, below a folder."""
        root = self.data / "objects"
        return {str(it.relative_to(root)) for it in (root / folder).rglob("*") if it.is_file()}

    def known(self) -> set[str]:
        """Files that something refers to."""
        stems = self.rows("SELECT key FROM stems")
        songs = self.rows("SELECT audio_key FROM tracks WHERE audio_key IS NOT NULL")
        return {key for (key,) in stems + songs}

    def assert_nothing_left(self) -> None:
        wait_until(lambda: not self.rows("SELECT key FROM library_leftovers"), "the left-overs")
        assert self.kept("downloads") | self.kept("stems") == self.known()
        assert not self.kept("sources")

    def assert_sound(self, path: str, seconds: float) -> None:
        sound = soundfile.info(io.BytesIO(self.get(path).content))
        assert abs(sound.duration - seconds) < 0.2


@pytest.fixture(scope="module")
def killed(tmp_path_factory, around):
    folder = tmp_path_factory.mktemp("killed")
    settings = {
        **around.settings(),
        **NO_LIMITS,
        "STEMWRIGHT_CREDITS": "metered",
        "STEMWRIGHT_CREDITS_GRANT_S": str(GRANT),
        "FORGE_CRASH": str(folder / "crash"),
    }
    with ForgeService(folder, settings) as service:
        service.module = "support.forge_crashing"
        service.restart()
        killed = Killed(service, around)
        yield killed
        killed.client.close()


@points(forge_crashing.DOWNLOAD)
def test_a_download_outlives_its_server_killed_when(point, killed, around):
    balance = killed.balance()
    killed.at(point)
    job_id = killed.order(DOWNLOAD, url=f"{SPOTIFY}/{around.publish('Tide')}")
    killed.dies()

    told = killed.ended("download", job_id)

    assert told["status"] == "completed", told
    killed.assert_sound(told["output_path"], SONG_S)
    assert killed.balance() == balance
    killed.assert_nothing_left()


@points(forge_crashing.PROCESSING)
def test_a_separation_outlives_its_server_killed_when(point, killed):
    track, balance = killed.track(), killed.balance()
    killed.at(point)
    job_id = killed.order(SEPARATE, track_id=track)
    killed.dies()

    told = killed.ended("processing", job_id)

    assert_separated(killed, track, told, SONG_S)
    assert killed.balance() == balance - SONG_S
    killed.assert_nothing_left()


@points(forge_crashing.LALALAI)
def test_a_separation_by_lalalai_outlives_its_server_killed_when(point, killed, around):
    track, balance = killed.track(), killed.balance()
    tasks, kept = len(around.lalalai.service.tasks), there(around)
    killed.at(point)
    job_id = killed.order(SEPARATE, track_id=track, engine="lalalai")
    killed.dies()

    told = killed.ended("processing", job_id)

    assert_separated(killed, track, told, 0.1)
    assert killed.balance() == balance - SONG_S
    assert len(around.lalalai.service.tasks) == tasks + 1
    wait_until(lambda: not unended(killed), "its end over there")
    # a song whose id was lost cannot be deleted; they do that themselves after a day
    assert len(there(around)) == len(kept) + (point == "lalalai-sent")
    killed.assert_nothing_left()


@points(forge_crashing.ANALYSIS)
def test_an_analysis_outlives_its_server_killed_when(point, killed):
    track, balance = killed.track(), killed.balance()
    killed.at(point)
    job_id = killed.order(ANALYSE, track_id=track)
    killed.dies()

    told = killed.ended("analysis", job_id)

    assert told["status"] == "completed", told
    assert told["result"]["tempo"] > 0
    assert killed.rows("SELECT job_id FROM analyses WHERE track_id = ?", track) == [(job_id,)]
    assert killed.balance() == balance
    killed.assert_nothing_left()


def assert_separated(killed, track, told, seconds):
    assert told["status"] == "completed", told
    recorded = killed.rows("SELECT id FROM stems WHERE track_id = ?", track)
    assert {stem["id"] for stem in told["stems"]} == {stem for (stem,) in recorded}
    assert {stem["stem_type"] for stem in told["stems"]} == {"vocals", "drums", "bass", "other"}
    for stem in told["stems"]:
        killed.assert_sound(stem["url"], seconds)


def there(around):
    """Songs that lalal.ai keeps."""
    return [it for it in around.lalalai.service.sources.values() if not it.deleted]


def unended(killed):
    return killed.rows("SELECT id FROM lalalai_splits WHERE outcome IS NULL")


def test_another_worker_takes_over_on_postgresql(tmp_path, around, postgres_url):
    shared = {
        **around.settings(),
        **NO_LIMITS,
        "STEMWRIGHT_DATABASE_URL": postgres_url,
        "STEMWRIGHT_STORAGE_URL": (tmp_path / "objects").as_uri(),
        "STEMWRIGHT_SECRET_KEY": "one secret for all hosts of this fleet",
        "FORGE_CRASH": str(tmp_path / "crash"),
    }
    api = ForgeService(tmp_path / "api", shared, command=("serve", "--no-worker"))
    doomed = ForgeService(tmp_path / "doomed", shared, command=("worker",))
    doomed.module = "support.forge_crashing"
    spare = ForgeService(tmp_path / "spare", shared, command=("worker",))
    with api:
        fleet = Killed(api, around)
        tasks = len(around.lalalai.service.tasks)
        doomed.start(wait=False)
        track = str(
            fleet.done("download", DOWNLOAD, url=f"{SPOTIFY}/{around.publish('Ferry')}")["track_id"]
        )
        (tmp_path / "crash").write_text("lalalai-ordered")
        job_id = fleet.order(SEPARATE, track_id=track, engine="lalalai")
        assert doomed.wait() == -signal.SIGKILL

        with spare:
            told = fleet.ended("processing", job_id)

        fleet.client.close()
    assert told["status"] == "completed", told
    assert len(told["stems"]) == 4
    assert len(around.lalalai.service.tasks) == tasks + 1
