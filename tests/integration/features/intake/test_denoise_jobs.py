"""Denoise jobs from order to file, on all but the network itself."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from stemwright.errors import WeightsMissing
from stemwright.features.denoising.service import DenoiseOrder
from support.song_jobs import GRANT_S
from support.songs import write_song

SECONDS = 7  # of the song, rounded up


def ordered(songs, account, song, **order):
    key = songs.upload(account, song)
    return songs.service.denoising.create(account, DenoiseOrder(upload_key=key, **order))


@pytest.mark.parametrize(
    ("output_format", "content_type"),
    [("MP3", "audio/mpeg"), ("WAV", "audio/wav"), ("FLAC", "audio/flac")],
)
def test_a_recording_becomes_one_file_and_is_paid_by_its_length(
    songs, account, song, output_format, content_type
):
    done = songs.run(ordered(songs, account, song, output_format=output_format))

    [file] = done.artefacts
    assert (done.status, done.charged, file.name) == ("completed", SECONDS, "audio")
    assert file.content_type == content_type
    assert soundfile.info(io.BytesIO(songs.content(file.key))).frames == round(6.25 * 44_100)
    assert songs.balance(account) == GRANT_S - SECONDS
    assert not (songs.scratch / done.id).exists()


def test_a_network_that_takes_all_for_speech_leaves_the_recording_as_it_was(
    songs, account, tmp_path
):
    talk = write_song(tmp_path / "Talk.wav", 6.0, rate=48_000, channels=1)
    done = songs.run(ordered(songs, account, talk, output_format="WAV"))

    before, after = soundfile.read(talk)[0], songs.files(done)["audio"]
    difference = soundfile.read(io.BytesIO(after))[0] - before
    assert np.abs(difference[1000:-1000]).max() < 1e-3


def test_a_recording_that_breaks_later_fails_under_its_name_and_costs_nothing(
    songs, account, song, tmp_path
):
    job = ordered(songs, account, song)
    (tmp_path / "broken").write_bytes(b"RIFF....WAVEfmt nothing")
    songs.service.storage.put_file(
        job.request["source"]["key"], tmp_path / "broken", content_type="audio/flac"
    )

    failed = songs.run(job)

    assert failed.status == "failed"
    assert "Hit.flac" in failed.error_message
    assert str(songs.scratch) not in failed.error_message
    assert songs.balance(account) == GRANT_S


def test_without_the_model_an_order_is_refused_before_anything_else(
    songs, account, song, monkeypatch
):
    monkeypatch.setattr(songs.service.denoising, "is_installed", lambda _model: False)

    with pytest.raises(WeightsMissing, match="stemwright models pull"):
        ordered(songs, account, song)
    assert songs.jobs(account) == 0
