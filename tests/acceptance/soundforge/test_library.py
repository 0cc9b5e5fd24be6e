"""Stories of tracks: fetched, downloaded, separated, analysed, and edited."""

from __future__ import annotations

import http.client
import io
import json
import threading
import zipfile
from contextlib import closing

import httpx
import pytest

from support.forge_world import TRACK_PAGE
from support.hub_server import Gate
from support.lalalai_rules import sound
from support.live_server import wait_until

DOWNLOAD, SEPARATE, ANALYSE = (
    "/api/download/track",
    "/api/processing/separate",
    "/api/analysis/analyze",
)
SIX = {"vocals", "drums", "bass", "guitar", "piano", "other"}


@pytest.fixture
def new_track(world, around):
    """Download a song of its own."""

    def downloaded(title):
        url = f"{TRACK_PAGE}/{around.publish(title)}"
        return world.done("download", DOWNLOAD, url=url)["track_id"]

    return downloaded


def stems_of(world, track, **options):
    job = world.done("processing", SEPARATE, track_id=track, **options)
    return {stem["stem_type"]: stem for stem in job["stems"]}


def names_in(world, track):
    answer = world.alice.api.get(f"/export/stems/{track}").raise_for_status()
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    return {name.rpartition(" - ")[2]: archive.read(name) for name in archive.namelist()}


def test_a_track_is_the_same_however_often_it_is_fetched(world):
    url = f"spotify:track:{world.spotify_track}"
    assert world.fetched(world.alice, url) == world.track
    assert world.fetched(world.bob, url) != world.track


def test_a_download_tells_how_far_it_is(world, around):
    spotify_id = around.publish("Slow")
    medium = list(around.site.media.values())[-1]
    medium.gate = Gate(after=1000)
    job_id = world.order(DOWNLOAD, url=f"{TRACK_PAGE}/{spotify_id}")
    read = f"/api/download/job/{job_id}"
    assert medium.gate.reached.wait(30)
    wait_until(lambda: told(world, read)["status"] == "downloading", "the download")

    now = told(world, read)
    assert (now["output_path"], now["file_size"], now["error"]) == (None, None, None)
    again = world.alice.api.post(DOWNLOAD, json={"url": f"{TRACK_PAGE}/{spotify_id}"})
    assert again.json()["data"]["job_id"] == job_id
    medium.gate.opened.set()
    assert world.ended("download", job_id)["progress"] == 100


def told(world, path):
    return world.alice.api.get(path).raise_for_status().json()["data"]


def test_a_download_does_nothing_else_unless_it_is_asked_to(world, new_track):
    track = new_track("Alone")
    assert world.alice.api.get(f"/export/stems/{track}").status_code == 404
    assert world.alice.api.get(f"/export/analysis/{track}").status_code == 404


def test_addresses_in_answers_are_to_be_followed_as_they_are(world):
    stem = world.vocals
    for path in (world.download["output_path"], stem["url"], stem["download_url"]):
        # nothing that a client would have to encode first; letters of all scripts all do
        assert not set(path) & set(" %?#\\")
        answer = world.alice.api.get(path)
        assert answer.status_code == 200, path
        assert len(answer.content) > 1024


def test_six_stems_are_six(world, new_track):
    assert set(stems_of(world, new_track("Six"), model="htdemucs_6s")) == SIX


def test_new_stems_take_the_place_of_old_ones(world, new_track):
    track = new_track("Twice")
    first = stems_of(world, track, model="htdemucs_6s")
    second = stems_of(world, track)

    old, new = (stems["vocals"]["download_url"] for stems in (first, second))
    assert world.alice.api.get(new).status_code == 200
    assert world.alice.api.get(old).status_code == 404
    assert set(names_in(world, track)) == {f"{kind}.wav" for kind in SIX - {"guitar", "piano"}}


def test_an_edited_stem_is_exported_in_place_of_the_separated_one(world, new_track):
    track, edited = new_track("Edited"), sound(1000, 44_100)
    stems_of(world, track)
    form = {"track_id": track, "stem_type": "vocals"}
    kept = world.alice.api.post(
        "/api/daw/export", data=form, files={"file": ("mix.wav", edited, "audio/wav")}
    ).json()

    assert world.alice.api.get(f"/files/{kept['file_path']}").content == edited
    assert world.alice.api.get(f"/export/stem/{kept['stem_id']}").content == edited
    assert names_in(world, track)["vocals.wav"] == edited


def test_stems_whose_files_are_gone_are_left_out_and_then_not_exported(world, service, new_track):
    track = new_track("Gone")
    stems = stems_of(world, track)
    job = stems["vocals"]["processing_job_id"]
    files = list((service.data_dir / "objects" / "stems" / job).rglob("*.wav"))
    assert len(files) == 4
    for path in files[1:]:
        path.unlink()
    assert list(names_in(world, track)) == [files[0].name]

    files[0].unlink()
    answer = world.alice.api.get(f"/export/stems/{track}")
    assert (answer.status_code, answer.json()["error"]) == (422, "Stem files could not be read")
    assert world.alice.api.get(stems["vocals"]["download_url"]).status_code == 404
    assert world.alice.api.get(stems["vocals"]["url"]).json()["error"] == "File not found"


def test_only_what_was_asked_for_is_analysed(world):
    result = world.done("analysis", ANALYSE, track_id=world.track, features=["tempo", "chroma"])[
        "result"
    ]
    assert isinstance(result["tempo"], float)
    asked_for = {"tempo", "features"}
    assert {name for name, value in result.items() if value is not None} == asked_for
    assert "chroma" in result["features"]
    assert "mfcc" not in result["features"]


def test_an_upload_becomes_a_track(world, around):
    """It goes to the address that the other API gives, and its key takes the place of a link."""
    api = world.alice.api
    ticket = api.post("/api/v1/upload", json={"filename": "A Band - A Song.flac"}).json()
    song = around.song.read_bytes()
    httpx.put(ticket["uploadUrl"], content=song, trust_env=False).raise_for_status()
    answer = api.post(DOWNLOAD, json={"upload_key": ticket["uploadKey"]})

    job = world.ended("download", answer.json()["data"]["job_id"])
    assert job["status"] == "completed", job["error"]
    assert set(stems_of(world, job["track_id"])) == {"vocals", "drums", "bass", "other"}


def test_a_job_is_followed_by_events(world, new_track):
    job_id = world.order(SEPARATE, track_id=new_track("Followed"))
    with world.alice.api.stream("GET", f"/api/jobs/{job_id}/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        timer = threading.Timer(30, events.close)
        timer.start()
        lines = [line for line in events.iter_lines() if line.startswith("event:")]
        timer.cancel()
    heard = [line.removeprefix("event:").strip() for line in lines]
    assert (heard[0], heard[-1]) == ("job:progress", "job:completed")
    assert world.bob.api.get(f"/api/jobs/{job_id}/events").status_code == 403


@pytest.mark.slow  # the server waits a while for what a client may still be sending
def test_a_form_of_more_than_half_a_gigabyte_is_refused_before_it_is_sent(world):
    connection = http.client.HTTPConnection("127.0.0.1", world.service.port, timeout=30)
    with closing(connection):
        connection.putrequest("POST", "/api/daw/export")
        connection.putheader("Authorization", f"Bearer {world.key}")
        connection.putheader("Content-Type", "multipart/form-data; boundary=frontier")
        connection.putheader("Content-Length", str((512 << 20) + 1))
        connection.endheaders(b"--frontier\r\n")
        answer = connection.getresponse()
        told = json.loads(answer.read())

    assert (answer.status, told["code"]) == (413, "too_large")
    assert told["error"] == "Request Entity Too Large"
