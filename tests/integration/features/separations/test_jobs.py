"""Separation jobs from order to files, on all but the network itself."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from stemwright.audio.decode import SongFile
from stemwright.errors import OptionError, WeightsMissing
from stemwright.features.separations.orders import OUTPUTS, LinkOrder, StemOrder
from support.hub_server import Gate
from support.odd_server import slowing, whole
from support.separators import GAINS
from support.song_jobs import GRANT_S, MOST_S
from support.songs import write_song

VIDEO, TRACK = "aBcDeF12345", "the-band/hit"
LINK, TRACK_LINK = f"https://www.youtube.com/watch?v={VIDEO}", f"https://soundcloud.com/{TRACK}"
SECONDS = 7  # of the song, rounded up


@pytest.fixture
def wav(tmp_path):
    return write_song(tmp_path / "Hit.wav", 6.25)


def ordered(songs, account, song=None, **order):
    if song is not None:
        order["upload_key"] = songs.upload(account, song)
    return songs.service.separations.create(account, StemOrder(**order))


def video(songs, account):
    return songs.service.separations.create_youtube(account, LinkOrder(url=LINK))


def track(songs, account):
    return songs.service.separations.create_soundcloud(account, LinkOrder(url=TRACK_LINK))


def assert_nothing_left(songs, job):
    assert not (songs.scratch / job.id).exists()
    counted = {file.key for file in songs.now(job).artefacts}
    assert songs.stored(f"jobs/{job.id}") == counted


class Died(BaseException):
    """As if the process had gone: nothing that handles errors runs."""


@pytest.mark.parametrize(
    ("output_type", "output_format", "content_type"),
    [
        ("VOCALS", "MP3", "audio/mpeg"),
        ("INSTRUMENTAL", "FLAC", "audio/flac"),
        ("BOTH", "WAV", "audio/wav"),
        ("FOUR_STEMS", "FLAC", "audio/flac"),
    ],
)
def test_a_job_leaves_the_stems_that_were_ordered_and_nothing_else(
    songs, account, song, output_type, output_format, content_type
):
    job = ordered(songs, account, song, output_type=output_type, output_format=output_format)

    done = songs.run(job)

    assert (done.status, done.progress, done.charged) == ("completed", 100, SECONDS)
    assert tuple(file.name for file in done.artefacts) == OUTPUTS[output_type]
    assert {file.content_type for file in done.artefacts} == {content_type}
    for file in done.artefacts:
        content = songs.content(file.key)
        assert (len(content), file.key) == (
            file.size_bytes,
            f"jobs/{job.id}/1/{file.name}.{output_format.lower()}",
        )
        assert soundfile.info(io.BytesIO(content)).frames == round(6.25 * 44_100)
    assert_nothing_left(songs, job)


def test_stems_are_what_the_separator_made_of_the_song(songs, account, wav):
    job = ordered(songs, account, wav, output_type="FOUR_STEMS", output_format="WAV")
    songs.run(job)

    mixture = soundfile.read(wav)[0]
    for stem, content in songs.files(job).items():
        samples = soundfile.read(io.BytesIO(content))[0]
        assert np.abs(samples - GAINS[stem] * mixture).max() < 2**-14


def test_tempo_and_key_are_said_and_the_order_stays(songs, account, song):
    done = songs.run(ordered(songs, account, song, metadata={"n": 7}, quality="FAST"))

    assert {"bpm", "key_short", "file_name", "duration_s"} <= set(done.facts)
    assert (done.request["metadata"], done.request["quality"]) == ({"n": 7}, "FAST")


def test_six_stems_without_a_model_for_them_and_in_haste_are_refused(songs, account, song):
    with pytest.raises(WeightsMissing, match="SIX_STEMS"):
        ordered(songs, account, song, output_type="SIX_STEMS")
    with pytest.raises(OptionError, match="BEST"):
        ordered(songs, account, song, output_type="SIX_STEMS", quality="FAST")


def test_a_job_names_the_model_of_its_quality(songs, account, song, monkeypatch):
    separations = songs.service.separations
    monkeypatch.setattr(separations, "is_installed", lambda _model: True)
    models = {
        quality: ordered(songs, account, song, quality=quality).request["model"]
        for quality in ("FAST", "BALANCED", "BEST")
    }
    assert models == {"FAST": "htdemucs", "BALANCED": "htdemucs", "BEST": "htdemucs_ft"}
    six = ordered(songs, account, song, output_type="SIX_STEMS")
    assert six.request["model"] == "htdemucs_6s"


def test_what_the_operator_chose_for_a_quality_is_taken_if_it_is_there(
    songs, account, song, monkeypatch
):
    separations = songs.service.separations
    monkeypatch.setattr(separations, "chosen", {"best": "mdx_extra", "fast": "mdx_extra"}.get)
    assert ordered(songs, account, song).request["model"] == "htdemucs"
    monkeypatch.setattr(separations, "is_installed", lambda _model: True)
    assert ordered(songs, account, song).request["model"] == "mdx_extra"
    assert ordered(songs, account, song, quality="BALANCED").request["model"] == "htdemucs"


@pytest.mark.parametrize(("kind", "ending"), [("video", ".flac"), ("track", ".ogg")])
def test_the_whole_sound_of_a_link_is_kept_to_the_byte(
    songs, account, site, tmp_path, kind, ending
):
    media = write_song(tmp_path / f"media{ending}", 8.0)
    site.add(VIDEO, media, "Mr. Blue: a video", 8)
    site.add(TRACK, media, "A track", 8)
    job = (video if kind == "video" else track)(songs, account)

    done = songs.run(job)

    assert [file.name for file in done.artefacts] == ["fullAudio", "vocals", "instrumental"]
    assert songs.files(job)["fullAudio"] == media.read_bytes()
    assert done.artefacts[0].key.endswith(f"fullAudio{ending}")
    assert done.charged == 8
    assert_nothing_left(songs, job)


class Heard:
    """What a handler reports to."""

    number = 1

    def __init__(self):
        self.said = []

    def report(self, phase, progress):
        self.said.append((phase, progress))

    def cancelled(self):
        return False

    def check(self):
        pass


@pytest.mark.parametrize("kind", ["stems", "youtube"])
def test_progress_only_grows_and_every_phase_has_its_part(songs, account, song, site, kind):
    site.add(VIDEO, song, "A video", 8)
    job = ordered(songs, account, song) if kind == "stems" else video(songs, account)
    heard = Heard()

    songs.service.handlers[kind].run(songs.service.jobs.begin(job.id), heard)

    phases, numbers = zip(*heard.said, strict=True)
    assert list(dict.fromkeys(phases)) == ["download", "analyse", "separate", "encode"]
    assert list(numbers) == sorted(numbers)
    assert (numbers[0], numbers[-1]) == (0, 95)
    fetched = {"stems": 5, "youtube": 20}[kind]
    assert max(n for phase, n in heard.said if phase == "download") <= fetched
    songs.service.intake.leave(job)


def test_a_song_of_unknown_length_holds_240_and_pays_for_what_it_turns_out_to_be(
    songs, account, odd, monkeypatch, tmp_path
):
    song = write_song(tmp_path / "long.ogg", 20.0).read_bytes()
    job = of_unknown_length(songs, account, odd, song, monkeypatch)
    assert (job.cost, job.facts["duration_s"]) == (240, None)
    assert songs.balance(account) == GRANT_S - 240

    done = songs.run(job)

    assert (done.status, done.charged, done.facts["duration_s"]) == ("completed", 20, 20)
    assert songs.balance(account) == GRANT_S - 20
    assert_nothing_left(songs, job)


@pytest.mark.parametrize(
    ("seconds", "code"), [(MOST_S + 1, "input.too_long"), (4.5, "input.too_short")]
)
def test_a_song_whose_length_turns_out_to_be_out_of_bounds_costs_nothing(
    songs, account, odd, monkeypatch, tmp_path, seconds, code
):
    song = write_song(tmp_path / "odd.ogg", seconds, channels=1).read_bytes()
    job = of_unknown_length(songs, account, odd, song, monkeypatch)

    failed = songs.run(job)

    assert (failed.status, failed.error_code, failed.charged) == ("failed", code, 0)
    assert failed.error_message.startswith("odd.ogg")
    assert songs.balance(account) == GRANT_S
    assert_nothing_left(songs, job)


def of_unknown_length(songs, account, odd, content, monkeypatch):
    """A job of a file that comes too slowly to be looked at, and later comes."""
    monkeypatch.setattr("stemwright.features.intake.service.CREATE_BUDGET_S", 1.0)
    name = "/odd.ogg"
    odd.routes[name] = slowing(content, len(content) // 2)
    job = ordered(songs, account, source_url=odd.url(name))
    odd.routes[name] = whole(content)
    return job


def test_a_track_that_does_not_say_its_length_pays_for_what_it_has(songs, account, site, tmp_path):
    site.add(TRACK, write_song(tmp_path / "track.flac", 9.2), "A track", None)
    job = track(songs, account)
    assert (job.cost, job.facts["track_duration_estimated"]) == (240, True)

    done = songs.run(job)

    assert (done.charged, songs.balance(account)) == (10, GRANT_S - 10)
    assert (done.facts["track_duration"], done.facts["track_duration_estimated"]) == (10, False)


def test_a_track_that_turns_out_longer_than_tracks_may_be_costs_nothing(
    songs, account, site, tmp_path, monkeypatch
):
    site.add(TRACK, write_song(tmp_path / "track.flac", 9.2), "A track", None)
    monkeypatch.setitem(songs.service.handlers["soundcloud"].longest_s, "soundcloud", 8.0)
    job = track(songs, account)

    failed = songs.run(job)

    assert (failed.error_code, failed.charged) == ("input.too_long", 0)
    assert songs.balance(account) == GRANT_S


@pytest.mark.parametrize(
    "left", [b"not a song any more, just words", b"RIFF\x00\x00\x00\x00WAVEfmt "]
)
def test_a_song_that_is_broken_by_the_time_it_is_separated_is_called_by_its_name(
    songs, account, song, left, tmp_path
):
    job = ordered(songs, account, song)
    (tmp_path / "broken").write_bytes(left)
    songs.service.storage.put_file(
        job.request["source"]["key"], tmp_path / "broken", content_type="audio/flac"
    )

    failed = songs.run(job)

    assert failed.status == "failed"
    assert "Hit.flac" in failed.error_message
    assert str(songs.scratch) not in failed.error_message
    assert songs.balance(account) == GRANT_S
    assert_nothing_left(songs, job)


def test_a_song_that_is_gone_fails_the_job_and_the_message_names_no_key(songs, account, song):
    job = ordered(songs, account, song)
    songs.service.storage.delete([job.request["source"]["key"]])

    failed = songs.run(job)

    assert failed.error_code == "storage.missing"
    assert job.request["source"]["key"] not in failed.error_message


def test_what_an_earlier_attempt_fetched_is_not_fetched_again(
    songs, account, song, site, monkeypatch
):
    site.add(VIDEO, song, "A video", 8)
    job = video(songs, account)
    site.requests.clear()
    handler = songs.service.handlers["youtube"]
    with monkeypatch.context() as dying:
        dying.setattr(type(handler.children), "ask", died)
        with pytest.raises(Died):
            songs.run(job)

    done = songs.run(job)

    assert (done.status, done.attempt) == ("completed", 2)
    assert len([path for path in site.requests if "files/" in path]) == 1
    assert_nothing_left(songs, job)


def died(*_args, **_options):
    raise Died


def test_what_a_dead_attempt_stored_is_deleted_when_the_job_ends(songs, account, song, monkeypatch):
    job = ordered(songs, account, song)
    store = songs.service.results.store
    with monkeypatch.context() as dying:
        dying.setattr(
            type(songs.service.results), "store", lambda *args: (store(*args[1:]), died())
        )
        with pytest.raises(Died):
            songs.run(job)
    assert any(key.startswith(f"jobs/{job.id}/1/") for key in songs.stored(f"jobs/{job.id}"))

    done = songs.run(job)

    assert {file.key.split("/")[2] for file in done.artefacts} == {"2"}
    assert_nothing_left(songs, job)


def test_an_overtaken_attempt_deletes_its_stems_and_not_the_songs_of_the_other(
    songs, account, song, monkeypatch
):
    job = ordered(songs, account, song)
    store = songs.service.results.store

    def overtaken(_results, *args):
        other = songs.service.jobs.begin(job.id)
        songs.service.intake.bring(other, lambda _f: None, Heard())
        return store(*args)

    with monkeypatch.context() as racing:
        racing.setattr(type(songs.service.results), "store", overtaken)
        songs.run(job)

    assert (songs.now(job).status, songs.now(job).attempt) == ("running", 2)
    assert songs.stored(f"jobs/{job.id}") == set()
    assert list((songs.scratch / job.id / "source").iterdir()) != []
    assert songs.run(job).status == "completed"
    assert_nothing_left(songs, job)


def test_a_job_stopped_while_its_video_comes_ends_and_keeps_nothing(songs, account, site, tmp_path):
    gate = Gate(after=200_000)
    site.add(VIDEO, write_song(tmp_path / "video.wav", 20.0), "A video", 20, gate=gate)
    job = video(songs, account)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(songs.run, job)
        gate.reached.wait(30)
        songs.service.jobs.cancel(job.id)
        stopped = running.result(20)
        gate.opened.set()

    assert (stopped.status, stopped.error_code) == ("cancelled", "cancelled")
    assert songs.balance(account) == GRANT_S
    assert_nothing_left(songs, job)


def test_a_failed_job_that_is_retried_is_paid_anew_and_whole(songs, account, song, tmp_path):
    job = ordered(songs, account, song)
    key, good = job.request["source"]["key"], tmp_path / "good"
    good.write_bytes(songs.content(key))
    songs.service.storage.delete([key])
    songs.run(job)
    songs.service.storage.put_file(key, good, content_type="audio/flac")

    songs.service.jobs.retry(job.id)
    assert songs.balance(account) == GRANT_S - SECONDS

    assert songs.run(job).status == "completed"
    assert songs.balance(account) == GRANT_S - SECONDS
    assert SongFile(good).info.duration_s == pytest.approx(6.25)


@pytest.mark.parametrize(
    ("name", "block", "rate"),
    [
        ("silence", np.zeros((6 * 44_100, 2)), 44_100),
        ("a constant", np.full((6 * 44_100, 2), 0.5), 44_100),
        ("one click", np.eye(6 * 44_100, 1) * 0.9, 44_100),
        ("far too loud", 4.0 * np.sin(np.arange(6 * 44_100) / 7)[:, None], 44_100),
        ("a telephone", 0.2 * np.sin(np.arange(6 * 8_000) / 5)[:, None], 8_000),
        ("a laboratory", 0.2 * np.sin(np.arange(6 * 96_000) / 90)[:, None], 96_000),
        ("not numbers", np.full((6 * 44_100, 1), np.nan), 44_100),
    ],
)
def test_odd_sounds_are_separated_like_any_other(songs, account, tmp_path, name, block, rate):
    song = tmp_path / f"{name}.wav"
    soundfile.write(song, block, rate, "FLOAT")

    done = songs.run(ordered(songs, account, song, output_format="FLAC"))

    assert (done.status, done.error_message) == ("completed", None)
    assert done.charged == 6
