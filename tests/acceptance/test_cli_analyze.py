"""``stemwright analyze`` in a process of its own."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from support.signals import music


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    path = tmp_path_factory.mktemp("songs") / "song.flac"
    soundfile.write(path, music(12.0).T, 44_100)
    return path


def run(*arguments):
    command = [sys.executable, "-m", "stemwright", "analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_json_is_a_list_with_one_object_a_song(song):
    found = run(song, "--json", "--features", "tempo,key,loudness")
    (document,) = json.loads(found.stdout)
    assert found.returncode == 0
    assert document["file"] == str(song)
    assert document["error"] is None
    assert document["key"] == "C major"
    assert document["tempo"] == pytest.approx(120, rel=0.04)
    assert -40 < document["loudness"]["integrated_lufs"] < 0


def test_table_names_song_tempo_and_key(song):
    found = run(song, "--table")
    assert found.returncode == 0
    assert "BPM" in found.stdout
    assert "song.flac" in found.stdout
    assert "C major" in found.stdout


def test_one_bad_song_does_not_stop_the_others(song, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_text("no song")
    found = run(bad, song, "--json", "--features", "energy")
    first, second = json.loads(found.stdout)
    assert found.returncode == 3
    assert first["error"]["code"] == "input.unreadable"
    assert second["energy"] > 0
    assert "bad.wav" in found.stderr


def test_a_missing_song_and_an_unknown_feature_have_their_exit_statuses(song, tmp_path):
    assert run(tmp_path / "none.wav").returncode == 4
    refused = run(song, "--features", "mood")
    assert refused.returncode == 2
    assert "mood" in refused.stderr


def test_stems_are_found_in_a_folder_of_the_songs_name(song, tmp_path):
    home = tmp_path / song.stem
    home.mkdir()
    for name in ("vocals", "drums", "bass", "other"):
        level = 1e-4 if name == "vocals" else 0.3
        soundfile.write(home / f"{name}.wav", level * music(12.0).T, 44_100, "FLOAT")
    found = run(song, "--stems", tmp_path, "--json", "--features", "energy")
    (document,) = json.loads(found.stdout)
    assert document["stems"]["vocals"]["empty"]
    assert not document["stems"]["drums"]["empty"]


def test_a_folder_without_stems_is_one_clear_error(song, tmp_path):
    found = run(song, "--stems", tmp_path)
    assert found.returncode == 2
    assert "no stems of song.flac" in found.stderr


def test_silence_is_a_valid_song_without_tempo_and_key(tmp_path):
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros((44_100, 2)), 44_100)
    found = run(path, "--json")
    (document,) = json.loads(found.stdout)
    assert found.returncode == 0
    assert document["tempo"] is document["key"] is None
    assert "the song is silent" in document["remarks"]
