"""Every way YouTube and SoundCloud say no, and what users are told."""

import pytest

from stemwright.errors import (
    AudioTooLong,
    AudioTooShort,
    FileTooLarge,
    InvalidSoundcloudUrl,
    InvalidYoutubeUrl,
    ServiceUnavailable,
    TrackNotFound,
    VideoAgeRestricted,
    VideoLive,
    VideoPrivate,
    VideoTooLong,
    VideoUnavailable,
)
from stemwright.features.imports.breaker import Breaker
from stemwright.features.imports.extraction import ExtractionFailed
from stemwright.features.imports.soundcloud import SoundCloud
from stemwright.features.imports.youtube import YouTube
from support.told_extractor import ToldExtractor, upstream

ID = "dQw4w9WgXcQ"
GOOD = {"title": "A", "duration": 60}

# text of yt-dlp, class of the cause, status of the cause; our error; attempts of a download
YOUTUBE_SAYS = [
    (("Sign in to confirm you're not a bot. Use --cookies",), ServiceUnavailable, 1),
    (("Sign in to confirm you\u2019re not a bot.",), ServiceUnavailable, 1),
    (("Please solve the captcha",), ServiceUnavailable, 1),
    (("Unable to download API page: HTTP Error 429: Too Many Requests",), ServiceUnavailable, 1),
    (("x", "HTTPError", 429), ServiceUnavailable, 1),
    (("An error occurred. Please try again later.",), ServiceUnavailable, 1),
    (
        ("Sign in to confirm your age. This video may be inappropriate for some users.",),
        VideoAgeRestricted,
        1,
    ),
    (("This video is age-restricted",), VideoAgeRestricted, 1),
    (("Private video. Sign in if you've been granted access",), VideoPrivate, 1),
    (("Join this channel to get access to members-only content",), VideoUnavailable, 1),
    (("This video requires payment to watch",), VideoUnavailable, 1),
    (("This video is only available to Music Premium members",), VideoUnavailable, 1),
    (
        ("The uploader has not made this video available in your country",),
        VideoUnavailable,
        1,
    ),
    (("blocked it", "GeoRestrictedError"), VideoUnavailable, 1),
    (("This live event will begin in 3 hours.",), VideoLive, 1),
    (("Premieres in 2 days",), VideoLive, 1),
    (("This live stream recording is not available.",), VideoLive, 1),
    (("Video unavailable",), VideoUnavailable, 1),
    (("This video has been removed by the uploader",), VideoUnavailable, 1),
    (("This video is no longer available",), VideoUnavailable, 1),
    (
        ("The account associated with this video has been terminated.",),
        VideoUnavailable,
        1,
    ),
    (("This video does not exist.",), VideoUnavailable, 1),
    (("contains content from X, who blocked it on copyright grounds",), VideoUnavailable, 1),
    (("Requested format is not available. Use --list-formats",), VideoUnavailable, 2),
    (("No video formats found!",), VideoUnavailable, 2),
    (("This video is DRM protected",), VideoUnavailable, 2),
    (("Unsupported URL: https://www.youtube.com/",), InvalidYoutubeUrl, 1),
    (("Incomplete YouTube ID abc.",), InvalidYoutubeUrl, 1),
    (("'x' is not a valid URL",), InvalidYoutubeUrl, 1),
    (("Unable to download webpage: timed out", "TransportError"), ServiceUnavailable, 4),
    (("Unable to download webpage: HTTP Error 503", "HTTPError", 503), ServiceUnavailable, 4),
    (("Unable to download API page", "SSLError"), ServiceUnavailable, 4),
    (("Something nobody has seen; please report this issue on",), VideoUnavailable, 2),
    (("HTTP Error 403: Forbidden", "HTTPError", 403), VideoUnavailable, 2),
]


@pytest.mark.parametrize(("said", "error", "attempts"), YOUTUBE_SAYS)
def test_every_no_of_youtube_is_one_of_our_errors(tmp_path, said, error, attempts):
    text, *cause = said
    failure = upstream(f"ERROR: [youtube] {ID}: {text}", *cause)
    with pytest.raises(error) as caught:
        YouTube(ToldExtractor([failure])).lookup(ID)
    assert not {"yt-dlp", "--", "report this issue", ID} & set(caught.value.message.split())

    extractor, naps = ToldExtractor([failure]), []
    with pytest.raises(error):
        YouTube(extractor, sleep=naps.append).download(ID, tmp_path, lambda _: None)
    assert len(extractor.asked) == attempts
    assert naps == [2.0, 5.0, 10.0][: attempts - 1]
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_succeeds_the_second_time_succeeds(tmp_path):
    extractor = ToldExtractor([upstream("timed out", "TransportError"), GOOD])
    path = YouTube(extractor, sleep=lambda _: None).download(ID, tmp_path, lambda _: None)
    assert path == tmp_path / "source.m4a"
    assert extractor.asked == [f"https://www.youtube.com/watch?v={ID}"] * 2


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (ExtractionFailed("live"), VideoLive),
        (ExtractionFailed("too_long", amount=3601.5), VideoTooLong),
        (ExtractionFailed("too_large", amount=0), FileTooLarge),
        (ExtractionFailed("several"), InvalidYoutubeUrl),
        (ExtractionFailed("timeout"), ServiceUnavailable),
        (ExtractionFailed("setup"), ServiceUnavailable),
    ],
)
def test_what_our_own_limits_refuse_is_refused_once(tmp_path, failure, error):
    extractor = ToldExtractor([failure])
    with pytest.raises(error):
        YouTube(extractor).download(ID, tmp_path, lambda _: None)
    assert len(extractor.asked) == 1


def test_a_child_that_crashes_is_started_again(tmp_path):
    extractor = ToldExtractor([ExtractionFailed("crash"), GOOD])
    assert YouTube(extractor, sleep=lambda _: None).download(ID, tmp_path, lambda _: None)


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"duration": 3600.2}, VideoTooLong),
        ({"duration": 4.9}, AudioTooShort),
        ({"duration": None}, VideoUnavailable),
        ({"live_status": "is_live", "duration": None}, VideoLive),
        ({"live_status": "is_upcoming", "duration": 60}, VideoLive),
        ({"live_status": "post_live", "duration": 60}, VideoLive),
        ({"is_live": True, "duration": 60}, VideoLive),
        ({"availability": "private", "duration": 60}, VideoPrivate),
    ],
)
def test_a_video_that_cannot_be_taken_is_refused_by_its_facts(told, error):
    with pytest.raises(error):
        YouTube(ToldExtractor([{"title": "A", **told}])).lookup(ID)


def test_a_recorded_stream_is_a_video_like_any_other():
    told = {"title": "A", "duration": 60, "live_status": "was_live"}
    assert YouTube(ToldExtractor([told])).lookup(ID).video_title == "A"


def test_a_length_that_is_refused_says_both_numbers():
    with pytest.raises(VideoTooLong) as caught:
        YouTube(ToldExtractor([{"title": "A", "duration": 3600.2}])).lookup(ID)
    assert (caught.value.max_duration_s, caught.value.actual_duration_s) == (3600, 3601)


def test_behind_a_wall_youtube_is_left_alone_for_five_minutes():
    now = [0.0]
    extractor = ToldExtractor([upstream("captcha"), GOOD])
    youtube = YouTube(extractor, breaker=Breaker(clock=lambda: now[0]))
    for _ in range(3):
        with pytest.raises(ServiceUnavailable, match="robot"):
            youtube.lookup(ID)
    assert len(extractor.asked) == 1
    now[0] = 301.0
    assert youtube.lookup(ID).video_duration == 60


def test_one_network_failure_is_no_wall():
    extractor = ToldExtractor([upstream("timed out"), GOOD])
    youtube = YouTube(extractor)
    with pytest.raises(ServiceUnavailable):
        youtube.lookup(ID)
    assert youtube.lookup(ID).video_duration == 60


SOUNDCLOUD_SAYS = [
    (("Unable to download JSON metadata: HTTP Error 404: Not Found", "HTTPError", 404),
     TrackNotFound),
    (("Unable to download JSON metadata: HTTP Error 403", "HTTPError", 403), TrackNotFound),
    (("This video is DRM protected",), TrackNotFound),
    (("This track is not available from your location", "GeoRestrictedError"), TrackNotFound),
    (("HTTP Error 429: Too Many Requests", "HTTPError", 429), ServiceUnavailable),
    (("No suitable extractor found for URL x",), InvalidSoundcloudUrl),
    (("timed out", "TransportError"), ServiceUnavailable),
    (("HTTP Error 502: Bad Gateway", "HTTPError", 502), ServiceUnavailable),
]  # fmt: skip


@pytest.mark.parametrize(("said", "error"), SOUNDCLOUD_SAYS)
def test_every_no_of_soundcloud_is_one_of_our_errors(said, error):
    with pytest.raises(error):
        SoundCloud(ToldExtractor([upstream(*said)]), None).lookup("a/b")


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"duration": 901}, AudioTooLong),
        ({"duration": 2}, AudioTooShort),
        ({"duration": 200, "formats": [{"format_id": "http_mp3_preview"}]}, TrackNotFound),
    ],
)
def test_a_track_that_cannot_be_taken_is_refused_by_its_facts(told, error):
    with pytest.raises(error):
        SoundCloud(ToldExtractor([told]), None).lookup("a/b")


def test_a_download_of_a_track_that_turns_out_too_long_is_refused(tmp_path):
    extractor = ToldExtractor([ExtractionFailed("too_long", amount=1000)])
    with pytest.raises(AudioTooLong):
        SoundCloud(extractor, None).download("a/b", tmp_path, lambda _: None)
