"""What a download is ordered by, and what becomes of orders before anything runs."""

import pytest

from stemwright.errors import (
    AccessDenied,
    InvalidDownloadUrl,
    InvalidQuality,
    JobNotFound,
    JobStateConflict,
    SpotifyFailed,
    UploadInUse,
    UploadNotFound,
    VideoUnavailable,
)
from stemwright.kit.ids import is_uuid
from support.spotify_server import Fault

SPOTIFY = "https://open.spotify.com"


def track_url(spotify, number, name="Song", **more):
    return f"{SPOTIFY}/track/{spotify.catalogue.track(number, name, **more)['id']}"


def test_a_song_of_spotify_becomes_a_track_and_a_job(library, spotify, account):
    url = track_url(spotify, 1, "Song", artists=("One", "Two"))
    [ordered] = library.downloads.order(account.owner, url).items

    job, track = ordered.job, ordered.track
    assert is_uuid(job.id)
    assert (job.kind, job.status, job.request["quality"]) == ("download", "queued", "high")
    assert job.request["track_id"] == track.id
    assert (track.title, track.artist, track.duration_s) == ("Song", "One, Two", 222)


def test_an_order_that_is_at_work_already_is_the_same_order(library, spotify, account):
    url = track_url(spotify, 2)
    orders = [
        library.downloads.order(account.owner, url, quality).items[0].job.id
        for quality in ("high", "high", "low")
    ]
    other = library.downloads.order(library.account().owner, url).items[0].job.id

    assert orders[0] == orders[1]
    assert len({*orders, other}) == 3


def test_what_was_cancelled_can_be_ordered_again(library, spotify, account):
    url = track_url(spotify, 3)
    first = library.downloads.order(account.owner, url).items[0].job
    assert library.downloads.cancel(account.owner, first.id).status == "cancelled"
    with pytest.raises(JobStateConflict):
        library.downloads.cancel(account.owner, first.id)

    assert library.downloads.order(account.owner, url).items[0].job.id != first.id


def test_an_album_is_ordered_track_by_track(library, spotify, account):
    album = spotify.catalogue.album(4, "Long", 30)
    orders = library.downloads.order(account.owner, f"{SPOTIFY}/album/{album}")

    assert orders.collection.name == "Long"
    assert [it.track.title for it in orders.items] == [f"Song {n}" for n in range(1, 31)]
    assert len({it.job.id for it in orders.items}) == 30


@pytest.mark.parametrize(
    "url",
    [
        "",
        "song",
        "ftp://music.example/song.mp3",
        "https://open.spotify.com/artist/0000000000000000000001",
        "https://www.youtube.com/playlist?list=PL1",
        "https://soundcloud.com/artist/track",
        "http://127.0.0.1:9/song.mp3",
        "http://10.0.0.1/song.mp3",
    ],
)
def test_a_link_to_nothing_is_refused(library, account, url):
    with pytest.raises(InvalidDownloadUrl):
        library.downloads.order(account.owner, url)
    assert library.jobs(account) == 0


def test_a_page_is_no_song(library, site, account):
    with pytest.raises(InvalidDownloadUrl, match="Invalid Spotify URL format"):
        library.downloads.order(account.owner, f"{site.origin}/nothing/here")


@pytest.mark.parametrize("quality", ["best", "", "HIGH"])
def test_an_unknown_quality_is_refused_before_anything_is_asked(library, spotify, account, quality):
    before = len(spotify.paths())
    with pytest.raises(InvalidQuality, match="lossless, high, medium, low"):
        library.downloads.order(account.owner, track_url(spotify, 5), quality)
    assert len(spotify.paths()) == before


def test_a_track_that_is_known_is_ordered_while_spotify_is_down(
    library, spotify, account, monkeypatch
):
    url = track_url(spotify, 6)
    first = library.downloads.order(account.owner, url).items[0]
    monkeypatch.setattr(library.downloads, "spotify", library.spotify_anew())
    spotify.fails(f"/v1/tracks/{first.track.spotify_id}", *[Fault.html(502)] * 9)

    again = library.downloads.order(account.owner, url, "low").items[0]

    assert again.track.id == first.track.id


def test_a_missing_video_is_refused_at_once(library, account):
    with pytest.raises(VideoUnavailable):
        library.downloads.order(account.owner, "https://youtu.be/nothere0000")


def test_a_job_is_its_owners(library, spotify, account):
    job = library.downloads.order(account.owner, track_url(spotify, 7)).items[0].job
    stranger = library.account().owner

    assert library.downloads.find(account.owner, job.id).id == job.id
    with pytest.raises(AccessDenied):
        library.downloads.find(stranger, job.id)
    with pytest.raises(AccessDenied):
        library.downloads.cancel(stranger, job.id)


@pytest.mark.parametrize("job_id", ["6f0e0000-0000-4000-8000-00000000abcd", "7", "job_1"])
def test_a_job_that_is_not_there_is_not_found(library, account, job_id):
    with pytest.raises(JobNotFound):
        library.downloads.find(account.owner, job_id)


def test_an_upload_is_its_owners(library, song, account):
    key = library.upload(account, song)
    with pytest.raises(UploadNotFound):
        library.downloads.order_upload(library.account().owner, key)


def test_an_upload_sent_anew_while_it_is_looked_at_makes_no_track(
    library, song, account, monkeypatch
):
    key = library.upload(account, song)
    probe = library.service.intake.probe

    def measured(path, *, name):
        library.send(key, song)
        return probe(path, name=name)

    monkeypatch.setattr(library.service.intake, "probe", measured)
    with pytest.raises(UploadInUse, match="sent anew"):
        library.downloads.order_upload(account.owner, key)
    assert library.tracks.page(account.owner).total == 0


@pytest.mark.parametrize("url", ["https://open.spotify.com/track/0000000000000000000999"])
def test_a_song_that_spotify_does_not_know_says_so(library, account, url):
    with pytest.raises(SpotifyFailed):
        library.downloads.order(account.owner, url)
