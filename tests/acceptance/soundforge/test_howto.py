"""The page that leads from a link to a mix, run as whoever follows it would run it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import fields
from pathlib import Path

import pytest
import soundfile

from stemwright.settings import Settings
from support.forge_service import SONG_S
from support.repository import read

PAGE = read("docs/howto/spotify-to-mix.md")
TRACK, VIDEO, FILE = "3n3Ppam7vgaVa1iaRUc9Lp", "dQw4w9WgXcQ", "https://music.example/song.flac"
STEMS = ("bass", "drums", "other", "vocals")


def blocks(language):
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", PAGE)


@pytest.fixture(scope="module")
def published(around):
    """What the page's links name."""
    told = around.spotify.catalogue.track(
        9300, "Long Way Home", ("The Walkers",), duration_ms=SONG_S * 1000
    )
    around.spotify.catalogue.tracks[TRACK] = {**told, "id": TRACK}
    around.site.add("walkersHome", around.song, "The Walkers - Long Way Home", SONG_S)
    around.site.add(VIDEO, around.song, "Somebody - Another One", SONG_S)
    around.site.add("hosted", around.song, "Hosted", SONG_S)
    return f"{around.site.origin}/files/hosted.flac"


@pytest.fixture(scope="module")
def followed(service, published, tmp_path_factory):
    """The folder of whoever followed the page, and what they saw."""
    folder = tmp_path_factory.mktemp("followed")
    script = "".join(f"printf '\\n== block\\n'\n{block}" for block in blocks("sh"))
    script = script.replace("http://127.0.0.1:8000", service.url).replace(FILE, published)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "NO_PROXY": "127.0.0.1",
        "STEMWRIGHT_DATA_DIR": str(service.data_dir),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return folder, done.stdout.split("\n== block\n")[1:]


def said(followed, words):
    """What the block printed that has these words in it."""
    [found] = [
        seen for block, seen in zip(blocks("sh"), followed[1], strict=True) if words in block
    ]
    return found


def answers(seen):
    """JSON among what was printed, events included; answers stand without a line's end."""
    found, decoder = [], json.JSONDecoder()
    while (start := seen.find("{")) >= 0:
        told, length = decoder.raw_decode(seen[start:])
        found.append(told)
        seen = seen[start + length :]
    return found


def last_answer(followed, words):
    return answers(said(followed, words))[-1]["data"]


def length_s(path):
    return soundfile.info(path).duration


def test_settings_of_the_page_are_settings():
    known = {field.name for field in fields(Settings)}
    for block in blocks("toml"):
        assert set(tomllib.loads(block)) <= known


def test_the_link_is_looked_up(followed):
    track = last_answer(followed, "/api/spotify/fetch")["track"]
    assert (track["title"], track["artist"]) == ("Long Way Home", "The Walkers")


def test_the_song_is_downloaded(followed):
    told = last_answer(followed, "quality=lossless")

    assert told["status"] == "completed"
    assert told["match"]["video_id"] == "walkersHome"
    assert length_s(followed[0] / "song.flac") == pytest.approx(SONG_S, abs=0.1)


def test_progress_is_seen(followed):
    told = answers(said(followed, "quality=lossless"))
    assert {it["job_id"] for it in told if "job_id" in it and "progress" in it}


def test_stems_are_saved(followed):
    for stem in STEMS:
        assert length_s(followed[0] / f"{stem}.wav") == pytest.approx(SONG_S, abs=0.1)


def test_the_song_is_analysed(followed):
    result = last_answer(followed, "/api/analysis/analyze")["result"]
    assert result["tempo"] > 0
    assert result["key"].split()[1] in {"major", "minor"}


def test_a_mix_has_what_its_manifest_asks_for(followed):
    mix = soundfile.info(followed[0] / "mix.wav")
    assert (mix.subtype, mix.samplerate, mix.channels) == ("PCM_24", 44_100, 2)
    assert length_s(followed[0] / "duo.wav") == pytest.approx(SONG_S, abs=0.1)


def test_everything_is_exported(followed):
    with zipfile.ZipFile(followed[0] / "stems.zip") as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == [f"Long Way Home - {stem}.wav" for stem in STEMS]
    told = json.loads((followed[0] / "analysis.json").read_text())
    assert told["analysis"]["tempo"] > 0


def test_a_track_is_made_of_an_upload(followed):
    assert '"status":"completed"' in said(followed, "/api/v1/upload")


def test_a_video_goes_through_the_whole_chain(followed):
    with zipfile.ZipFile(followed[0] / "video.zip") as archive:
        assert len(archive.namelist()) == len(STEMS)


def test_a_link_to_a_file_is_downloaded(followed):
    assert '"status":"completed"' in said(followed, FILE)


def test_lalalai_separates(followed):
    told = last_answer(followed, "engine=lalalai")
    assert (told["status"], told["engine"]) == ("completed", "lalalai")
    assert {stem["source"] for stem in told["stems"]} == {"lalalai"}
