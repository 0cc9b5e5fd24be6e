"""Downloads from order to library: real yt-dlp, a real child, files that are read back."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from stemwright.audio.decode import SongFile
from support.hub_server import Gate
from support.media import png_cover
from support.songs import write_song

SECONDS = 6.25
_NUMBERS = itertools.count(100)


@pytest.fixture
def heard(library, tmp_path):
    """Reads a track's song."""

    def heard(track):
        audio = library.tracks.audio(track.owner, track.id)
        path = tmp_path / f"heard{audio.path[-5:]}"
        path.write_bytes(library.content(audio.key))
        return SongFile(path)

    return heard


@pytest.fixture
def found(library, site, spotify, song):
    """Publishes a song on Spotify and a video of it; the link to the song."""

    def found(name, *videos, **more):
        told = spotify.catalogue.track(
            next(_NUMBERS), name, duration_ms=round(SECONDS * 1000), **more
        )
        for video_id, title, duration_s in videos:
            site.add(video_id, song, title, duration_s)
        return f"https://open.spotify.com/track/{told['id']}"

    return found


def run(library, account, url, quality="high"):
    [ordered] = library.downloads.order(account.owner, url, quality).items
    return library.run(ordered.job), ordered.track


def test_a_song_is_found_fetched_tagged_and_given_to_its_track(library, account, found, heard):
    url = found("Lantern", ("lantern0000", "The Band - Lantern", SECONDS))
    done, track = run(library, account, url)

    path = f"downloads/{track.id}/The_Band-Lantern.mp3"
    audio = library.tracks.audio(account.owner, track.id)
    assert (done.status, done.progress, done.error_message) == ("completed", 100, None)
    assert done.result == {"output_path": f"/files/{path}", "file_size": audio.size_bytes}
    assert (audio.path, audio.content_type) == (path, "audio/mpeg")
    tags = heard(track).info.tags
    assert (tags.title, tags.artist, tags.album) == ("Lantern", "The Band", "The Album")
    assert not (library.scratch / done.id).exists()


@pytest.mark.parametrize(
    ("quality", "codec", "kbps"),
    [("lossless", "flac", None), ("high", "mp3", 320), ("medium", "mp3", 192), ("low", "mp3", 128)],
)
def test_each_quality_is_what_it_says(library, account, found, heard, quality, codec, kbps):
    url = found("Harbour", ("harbour0000", "The Band - Harbour", SECONDS))
    _, track = run(library, account, url, quality)

    info = heard(track).info
    size = library.tracks.audio(account.owner, track.id).size_bytes
    assert (info.codec.removesuffix("float"), info.channels, info.sample_rate) == (codec, 2, 44_100)
    if kbps is not None:
        assert size * 8 / SECONDS / 1000 == pytest.approx(kbps, rel=0.05)


def test_the_job_says_why_it_chose_what_it_chose(library, account, found):
    url = found(
        "Compass",
        ("compass0001", "The Band - Compass (Live)", SECONDS),
        ("compass0002", "The Band - Compass", SECONDS + 20),
        ("compass0003", "The Band - Compass (Audio)", SECONDS + 1),
    )
    done, _ = run(library, account, url)

    assert done.facts["match"]["video_id"] == "compass0003"
    assert done.facts["match"]["reasons"][0] == "as long as the song"
    refused = {it["video_id"]: it["refused"] for it in done.facts["candidates"]}
    assert refused["compass0001"] == "another version (live)"


def test_a_bad_match_is_refused_and_lists_what_was_found(library, account, found, site):
    url = found("Meridian", ("meridian001", "The Band - Meridian", SECONDS + 100))
    failed, track = run(library, account, url)

    assert (failed.status, failed.error_code) == ("failed", "download.no_match")
    assert failed.error_message.startswith("No matching audio found for 'Meridian' by The Band")
    assert "https://youtu.be/meridian001: 100 s longer" in failed.error_message
    assert not any("files/meridian001" in path for path in site.requests)
    assert library.tracks.find(account.owner, track.id).audio is None


def test_a_video_that_cannot_be_had_gives_way_to_the_next_best(library, account, found, site):
    url = found(
        "Pontoon",
        ("pontoon0001", "The Band - Pontoon", SECONDS),
        ("pontoon0002", "Pontoon by The Band", SECONDS + 4),
    )
    site.statuses["pontoon0001"] = 404
    done, _ = run(library, account, url)

    assert (done.status, done.facts["match"]["video_id"]) == ("completed", "pontoon0002")


def test_a_recording_is_found_by_its_code_where_its_name_does_not_help(
    library, account, found, site, song
):
    url = found("Rudder", artists=("Nobody Knows",), isrc="XX0000000042")
    site.add("rudder00001", song, "Rudder", SECONDS, keywords="XX0000000042", author="Else")
    done, _ = run(library, account, url)

    assert done.status == "completed", done.error_message
    assert "found by its code XX0000000042" in done.facts["match"]["reasons"]


def test_a_video_becomes_a_track_with_its_picture(library, account, site, song, heard, tmp_path):
    (tmp_path / "cover.png").write_bytes(png_cover())
    site.add("thecover", tmp_path / "cover.png", "Cover", None)
    picture = f"{site.origin}/files/thecover.png"
    site.add("withcover00", song, "The Band - Keel", SECONDS, thumbnail=picture)
    done, track = run(library, account, "https://youtu.be/withcover00")

    assert done.status == "completed", done.error_message
    assert (track.source, track.title, track.artist) == ("youtube", "Keel", "The Band")
    assert heard(track).info.tags.cover == png_cover()


def test_a_picture_that_is_none_does_not_keep_a_song_away(library, account, site, song, heard):
    site.add("nocover0000", song, "Keel", SECONDS, thumbnail=f"{site.origin}/files/none.png")
    done, track = run(library, account, "https://youtu.be/nocover0000")

    assert done.status == "completed", done.error_message
    assert heard(track).info.tags.cover is None


def test_a_link_to_a_file_becomes_a_track(library, account, site, tmp_path):
    site.add("Duo - Anchor", write_song(tmp_path / "x.wav", SECONDS), "x", None)
    url = f"{site.origin}/files/Duo%20-%20Anchor.wav"
    site.add("Duo%20-%20Anchor", tmp_path / "x.wav", "x", None)
    done, track = run(library, account, url, "lossless")

    assert done.status == "completed", done.error_message
    assert (track.source, track.artist, track.title) == ("link", "Duo", "Anchor")
    assert library.downloads.order(account.owner, url).items[0].track.id == track.id


def test_an_upload_becomes_a_track_without_a_loss(library, account, song, heard):
    key = library.upload(account, song, "Trio - Mast.flac")
    ordered = library.downloads.order_upload(account.owner, key)
    done = library.run(ordered.job)

    assert done.status == "completed", done.error_message
    assert (ordered.track.artist, ordered.track.title) == ("Trio", "Mast")
    assert heard(ordered.track).info.codec == "flac"
    assert library.tracks.audio(account.owner, ordered.track.id).duration_s == SECONDS


def test_what_does_not_decode_is_fetched_three_times_and_no_more(library, account, site, tmp_path):
    (tmp_path / "noise.mp3").write_bytes(b"no sound at all " * 500)
    site.add("brokenaudio", tmp_path / "noise.mp3", "Broken", SECONDS)
    failed, track = run(library, account, "https://youtu.be/brokenaudio")

    fetched = [path for path in site.requests if "files/brokenaudio" in path]
    assert (failed.status, failed.error_code) == ("failed", "input.unreadable")
    assert "Broken" in failed.error_message
    assert len(fetched) == 3
    assert library.tracks.find(account.owner, track.id).audio is None


def test_a_song_in_another_quality_takes_the_place_of_the_first(library, account, found, heard):
    url = found("Tiller", ("tiller00000", "The Band - Tiller", SECONDS))
    run(library, account, url, "low")
    before = library.stored("downloads")
    _, track = run(library, account, url, "lossless")

    assert heard(track).info.codec == "flac"
    library.tidy_later()
    assert len(library.stored("downloads")) == len(before)


def test_a_download_that_was_cancelled_leaves_nothing(library, account, found):
    url = found("Ballast", ("ballast0000", "The Band - Ballast", SECONDS))
    [ordered] = library.downloads.order(account.owner, url).items
    library.downloads.cancel(account.owner, ordered.job.id)
    before = library.stored("downloads")

    assert library.run(ordered.job).status == "cancelled"
    assert library.stored("downloads") == before


def test_a_download_that_is_stopped_on_its_way_leaves_nothing(library, account, found, site):
    url = found("Windlass", ("windlass000", "The Band - Windlass", SECONDS))
    gate = site.media["windlass000"].gate = Gate(after=10_000)
    [ordered] = library.downloads.order(account.owner, url).items
    before = library.stored("downloads")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(library.run, ordered.job)
        assert gate.reached.wait(30)
        library.downloads.cancel(account.owner, ordered.job.id)
        stopped = running.result(30)
    gate.opened.set()

    assert stopped.status == "cancelled"
    assert library.stored("downloads") == before
    assert not (library.scratch / stopped.id).exists()


def test_what_is_told_of_a_download_never_goes_back(library, account, found, monkeypatch):
    told = []
    report = library.service.jobs.report
    url = found("Spinnaker", ("spinnaker00", "The Band - Spinnaker", SECONDS))
    [ordered] = library.downloads.order(account.owner, url).items
    monkeypatch.setattr(
        type(library.service.jobs),
        "report",
        lambda _jobs, job, progress, phase, **more: (
            told.append((progress, phase)) or report(job, progress, phase, **more)
        ),
    )
    library.run(ordered.job)

    assert [progress for progress, _ in told] == sorted(progress for progress, _ in told)
    phases = list(dict.fromkeys(phase for _, phase in told))
    assert set(phases) <= {"match", "download", "encode", "store"}
    assert phases[0] == "match"


def test_a_chain_separates_and_analyses_what_was_downloaded(library, account, found):
    url = found("Capstan", ("capstan0000", "The Band - Capstan", SECONDS))
    [ordered] = library.downloads.order(account.owner, url, chain=True).items
    library.run(ordered.job)
    for kind in ("processing", "analysis"):
        [job] = library.service.jobs.page(account.owner, {kind}).jobs
        assert library.run(job).status == "completed"

    assert job.request["chain"] == {"track_title": "Capstan", "last": True}
    assert len(library.tracks.stems(account.owner, ordered.track.id)) == 4
    assert library.tracks.analysis(account.owner, ordered.track.id).result["tempo"]


def test_without_a_chain_nothing_follows(library, account, found):
    url = found("Bilge", ("bilge000000", "The Band - Bilge", SECONDS))
    run(library, account, url)

    assert library.jobs(account) == 1


def test_a_chain_that_cannot_go_on_leaves_the_download_whole(library, account, found):
    url = found("Sextant", ("sextant0000", "The Band - Sextant", SECONDS))
    [ordered] = library.downloads.order(account.owner, url, chain=True).items
    with library.service.database.transaction() as session:
        library.service.credits.adjust(session, account.owner, -library.balance(account))

    assert library.run(ordered.job).status == "completed"
    assert library.jobs(account) == 1
