"""From what a client names to a job that is paid for, or to nothing at all."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pytest

from stemwright.errors import (
    AudioTooLong,
    AudioTooShort,
    EmptyAudio,
    IdempotencyConflict,
    InsufficientCredits,
    NoAudioStream,
    OptionError,
    SourceUrlUnreachable,
    UnreadableAudio,
    UploadInUse,
    UploadNotFound,
)
from stemwright.features.denoising.service import DenoiseOrder
from stemwright.features.separations.orders import LinkOrder, StemOrder
from stemwright.jobs.job import Idempotency
from stemwright.kit.clock import utc_now
from support.media import wav_header, write_lossy
from support.odd_server import status, whole
from support.song_jobs import GRANT_S, MOST_S
from support.songs import noise, write_song

VIDEO = "aBcDeF12345"
SECONDS = 7  # of the song, rounded up


def ordered(songs, account, **order):
    return songs.service.separations.create(account, StemOrder(**order))


def spend(songs, account, seconds):
    with songs.service.database.transaction() as session:
        songs.service.credits.adjust(session, account.owner, -seconds)


def test_an_upload_becomes_a_job_whose_length_is_known_and_held(songs, account, song):
    key = songs.upload(account, song)

    job = ordered(songs, account, upload_key=key)

    assert (job.status, job.cost, job.facts["duration_s"]) == ("queued", SECONDS, SECONDS)
    assert (job.facts["file_name"], job.facts["size_bytes"]) == ("Hit.flac", song.stat().st_size)
    assert songs.balance(account) == GRANT_S - SECONDS
    assert list(songs.scratch.glob("probe-*")) == []


def test_a_small_file_behind_a_link_is_fetched_while_it_is_looked_at(songs, account, song, odd):
    odd.routes["/Hit.flac"] = whole(song.read_bytes())

    job = ordered(songs, account, source_url=odd.url("/Hit.flac"))

    assert (job.cost, job.facts["file_name"]) == (SECONDS, "Hit.flac")
    assert songs.content(job.request["source"]["key"]) == song.read_bytes()
    assert list(songs.scratch.glob("remote_*")) == []
    assert len(odd.requests) == 1


def test_a_file_that_does_not_tell_its_length_is_counted(songs, account, odd, tmp_path):
    noisy = noise(6.25).T.astype(np.float32)
    song = write_lossy(tmp_path / "Hit.aac", noisy, codec="aac", container="adts")
    odd.routes["/Hit.aac"] = whole(song.read_bytes())

    for order in ({"upload_key": songs.upload(account, song)}, {"source_url": odd.url("/Hit.aac")}):
        assert ordered(songs, account, **order).cost == SECONDS


@pytest.mark.parametrize("seconds", [1.0, MOST_S + 1])
def test_a_song_out_of_bounds_is_refused_before_anything_is_made(
    songs, account, odd, tmp_path, seconds
):
    song = write_song(tmp_path / "odd.wav", seconds, channels=1, rate=8000)
    odd.routes["/odd.wav"] = whole(song.read_bytes())
    kept = songs.stored("sources")

    for order in (
        {"upload_key": songs.upload(account, song)},
        {"source_url": odd.url("/odd.wav")},
    ):
        with pytest.raises((AudioTooLong, AudioTooShort), match=r"odd\.wav") as refused:
            ordered(songs, account, **order)
        assert refused.value.actual_duration_s in {1, int(MOST_S) + 1}

    assert songs.jobs(account) == 0
    assert songs.balance(account) == GRANT_S
    assert songs.stored("sources") == kept


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"ID3 and then nothing of the kind" * 40, UnreadableAudio),
        (wav_header(data_bytes=4_000_000), EmptyAudio),
        (b"\x89PNG\r\n\x1a\n" + bytes(600), (UnreadableAudio, NoAudioStream)),
    ],
)
def test_an_upload_that_is_no_song_is_called_by_its_name(songs, account, tmp_path, content, error):
    path = tmp_path / "Demo of mine.mp3"
    path.write_bytes(content)
    key = songs.upload(account, path)

    with pytest.raises(error, match=r"Demo of mine\.mp3") as refused:
        ordered(songs, account, upload_key=key)

    assert str(songs.scratch) not in refused.value.message


def test_neither_and_both_of_an_upload_and_a_link_are_refused(songs, account):
    for order in ({}, {"upload_key": "uploads/a/input.mp3", "source_url": "http://127.0.0.1/a"}):
        with pytest.raises(OptionError, match="Exactly one"):
            ordered(songs, account, **order)


def test_somebody_elses_upload_is_none(songs, account, song):
    key = songs.upload(songs.account(), song)

    with pytest.raises(UploadNotFound):
        ordered(songs, account, upload_key=key)


def test_a_dead_link_is_said_to_be_one(songs, account, odd):
    odd.routes["/gone.mp3"] = status(404)

    with pytest.raises(SourceUrlUnreachable, match="404"):
        ordered(songs, account, source_url=odd.url("/gone.mp3"))


@pytest.mark.parametrize("kind", ["upload", "link", "video", "denoise"])
def test_who_cannot_pay_gets_nothing_and_leaves_nothing(songs, account, song, odd, site, kind):
    odd.routes["/Hit.flac"] = whole(song.read_bytes())
    site.add(VIDEO, song, "A video", 8)
    spend(songs, account, GRANT_S - 3)
    kept = songs.stored("sources")

    with pytest.raises(InsufficientCredits) as refused:
        match kind:
            case "upload":
                ordered(songs, account, upload_key=songs.upload(account, song))
            case "link":
                ordered(songs, account, source_url=odd.url("/Hit.flac"))
            case "video":
                link = LinkOrder(url=f"https://youtu.be/{VIDEO}")
                songs.service.separations.create_youtube(account, link)
            case "denoise":
                order = DenoiseOrder(source_url=odd.url("/Hit.flac"))
                songs.service.denoising.create(account, order)

    assert refused.value.required_seconds in {SECONDS, 8}
    assert (songs.jobs(account), songs.balance(account)) == (0, 3)
    assert songs.stored("sources") == kept


def test_an_upload_that_could_not_be_paid_serves_when_it_can(songs, account, song):
    key = songs.upload(account, song)
    spend(songs, account, GRANT_S)
    with pytest.raises(InsufficientCredits):
        ordered(songs, account, upload_key=key)
    with songs.service.database.transaction() as session:
        songs.service.credits.grant(session, account.owner, 10)

    assert ordered(songs, account, upload_key=key).cost == SECONDS


def test_an_upload_that_no_job_came_of_can_be_sent_anew(songs, account, song):
    key = songs.upload(account, song)
    spend(songs, account, GRANT_S)
    with pytest.raises(InsufficientCredits):
        ordered(songs, account, upload_key=key)

    songs.send(key, song)  # refused once a job has it


def test_an_upload_sent_anew_while_it_is_looked_at_is_not_taken(songs, account, song):
    key = songs.upload(account, song)
    probe = songs.service.intake.probe

    def measured(path, *, name):
        songs.send(key, song)
        return probe(path, name=name)

    songs.service.intake.probe = measured
    try:
        with pytest.raises(UploadInUse, match="sent anew"):
            ordered(songs, account, upload_key=key)
    finally:
        songs.service.intake.probe = probe
    assert songs.jobs(account) == 0
    assert ordered(songs, account, upload_key=key).cost == SECONDS


def test_a_request_repeated_at_once_makes_one_job_paid_once(songs, account, song, odd):
    odd.routes["/Hit.flac"] = whole(song.read_bytes())
    promise = Idempotency("once", "the same")
    together = threading.Barrier(4)
    kept = songs.stored("sources")

    def order(_):
        together.wait(30)
        return ordered(songs, account, source_url=odd.url("/Hit.flac"), idempotency=promise).id

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(order, range(4)))

    assert len(made) == 1
    assert songs.balance(account) == GRANT_S - SECONDS
    assert len(songs.stored("sources") - kept) == 1


def test_a_key_used_for_another_request_is_a_conflict(songs, account, song):
    key = songs.upload(account, song)
    ordered(songs, account, upload_key=key, idempotency=Idempotency("k", "one"))

    with pytest.raises(IdempotencyConflict):
        ordered(songs, account, upload_key=key, idempotency=Idempotency("k", "two"))
    assert songs.balance(account) == GRANT_S - SECONDS


def test_what_waiting_jobs_need_outlives_a_sweep_and_the_rest_does_not(songs, account, song, odd):
    odd.routes["/Hit.flac"] = whole(song.read_bytes())
    waiting, ended = (ordered(songs, account, source_url=odd.url("/Hit.flac")) for _ in range(2))
    songs.service.jobs.cancel(ended.id)
    (songs.scratch / "job_long_gone" / "source").mkdir(parents=True)
    old_clock, songs.service.intake.clock = songs.service.intake.clock, lambda: later
    later = utc_now() + timedelta(days=3)

    assert songs.service.intake.sweep(timedelta(days=2)) >= 2

    songs.service.intake.clock = old_clock
    assert waiting.request["source"]["key"] in songs.stored("sources")
    assert ended.request["source"]["key"] not in songs.stored("sources")
    assert not (songs.scratch / "job_long_gone").exists()


def test_a_sweep_spares_what_is_young(songs, account, song, odd):
    odd.routes["/Hit.flac"] = whole(song.read_bytes())
    job = ordered(songs, account, source_url=odd.url("/Hit.flac"))
    songs.service.jobs.cancel(job.id)

    songs.service.intake.sweep(timedelta(days=2))

    assert job.request["source"]["key"] in songs.stored("sources")


def test_an_upload_of_a_waiting_job_outlives_its_day(songs, account, song):
    key = songs.upload(account, song)
    job = ordered(songs, account, upload_key=key)

    songs.service.uploads.sweep(utc_now() + timedelta(days=2))
    assert songs.run(job).status == "completed"

    songs.service.uploads.sweep(utc_now() + timedelta(days=2))
    assert job.request["source"]["key"] not in songs.stored("uploads")
