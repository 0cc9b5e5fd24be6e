"""Which links name what, decided without asking anybody."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwright.errors import InvalidSoundcloudUrl, InvalidSourceUrl, InvalidYoutubeUrl
from stemwright.features.imports.links import (
    SOUNDCLOUD_HOSTS,
    YOUTUBE_HOSTS,
    short_link,
    soundcloud_track,
    source_url,
    youtube_id,
)

ID = "dQw4w9WgXcQ"

VIDEOS = [
    ID,
    f"https://www.youtube.com/watch?v={ID}",
    f"http://youtube.com/watch?v={ID}",
    f"youtube.com/watch?v={ID}",
    f"//m.youtube.com/watch?v={ID}",
    f"https://music.youtube.com/watch?v={ID}&si=abc",
    f"https://www.youtube.com/watch?list=PL1&index=2&v={ID}&t=3s&pp=x#t=1",
    f"HTTPS://WWW.YOUTUBE.COM/watch?v={ID}",
    f"https://www.youtube.com./watch?v={ID}",
    f"https://www.youtube.com:443/watch?v={ID}",
    f"https://youtu.be/{ID}",
    f"https://youtu.be/{ID}/?t=4",
    f"https://www.youtu.be/{ID}",
    f"https://www.youtube.com/shorts/{ID}",
    f"https://www.youtube.com/live/{ID}?feature=share",
    f"https://www.youtube-nocookie.com/embed/{ID}",
    f"https://www.youtube.com/v/{ID}",
    f"https://www.youtube.com/e/{ID}",
    f"https://www.youtube.com/attribution_link?a=1&u=%2Fwatch%3Fv%3D{ID}%26feature%3Dshare",
    f"https://consent.youtube.com/m?continue=https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3D{ID}",
    f"  <https://youtu.be/{ID}> ",
]
NO_VIDEOS = [
    "",
    "dQw4w9WgXc",
    f"{ID}x",
    "videoseries",
    "https://www.youtube.com/",
    "https://www.youtube.com/watch",
    "https://www.youtube.com/watch?v=short",
    "https://www.youtube.com/playlist?list=PL123",
    "https://www.youtube.com/embed/videoseries?list=PL1",
    "https://www.youtube.com/embed/live_stream?channel=x",
    "https://www.youtube.com/@somebody",
    "https://www.youtube.com/channel/UCabc",
    "https://www.youtube.com/c/abcdefghijk",
    "https://www.youtube.com/user/abcdefghijk",
    "https://www.youtube.com/clip/abcdefghijk",
    "https://www.youtube.com/results?search_query=x",
    f"https://www.youtube.com/{ID}",
    f"https://youtube.com.evil.example/watch?v={ID}",
    f"https://evilyoutube.com/watch?v={ID}",
    f"https://evil.example/youtube.com/watch?v={ID}",
    f"https://youtube.com@evil.example/watch?v={ID}",
    f"https://me:pw@www.youtube.com/watch?v={ID}",
    f"https://evil.example\\@www.youtube.com/watch?v={ID}",
    f"https://www.youtube.com:8443/watch?v={ID}",
    f"ftp://www.youtube.com/watch?v={ID}",
    f"https://www.you\ttube.com/watch?v={ID}",
    f"https://www.youtube.com/attribution_link?u=https%3A%2F%2Fevil.example%2Fwatch%3Fv%3D{ID}",
    f"https://www.youtube.com/watch?v={ID}&pad={'x' * 2048}",
]


@pytest.mark.parametrize("text", VIDEOS)
def test_every_way_to_name_a_video_gives_its_id(text):
    assert youtube_id(text) == ID


@pytest.mark.parametrize("text", NO_VIDEOS)
def test_what_is_not_one_video_is_refused(text):
    with pytest.raises(InvalidYoutubeUrl):
        youtube_id(text)


def test_a_refusal_repeats_neither_password_nor_query():
    for text in ("https://me:secret@www.youtube.com/x", "https://x.example/?token=secret"):
        with pytest.raises(InvalidYoutubeUrl) as caught:
            youtube_id(text)
        assert "secret" not in caught.value.message


hosts = st.one_of(
    st.sampled_from(sorted(YOUTUBE_HOSTS | SOUNDCLOUD_HOSTS)),
    st.sampled_from([
        "youtube.com.evil.example", "evil.example", "youtu.be.example", "xyoutu.be", "127.0.0.1",
        "youtube.com:80@evil.example", "evil.example#youtube.com", "evil.example?youtube.com",
        "youtube.com\\.evil.example", "\uff59outube.com", "youtube.com%00.evil.example", "[::1]",
    ]),
    st.text(max_size=20),
)  # fmt: skip
addresses = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["https://", "http://", "//", "", "ftp://", "https:\\\\", "https:/", " "]),
    st.sampled_from(["", "", "user@", "youtube.com@"]),
    hosts,
    st.sampled_from(["", ":443", ":80", ":1", "."]),
    st.sampled_from([
        f"/watch?v={ID}", f"/embed/{ID}", f"/{ID}", "/artist/track", f"/@x/watch?v={ID}",
        f"/attribution_link?u=//evil.example/watch%3Fv={ID}", "/artist/sets/x",
    ]),
)  # fmt: skip


@given(st.one_of(addresses, st.text()))
def test_nothing_is_found_in_a_link_to_another_host(text):
    """Whoever reads the address, its host is on the list, or there is no address at all."""
    for find, allowed in ((youtube_id, YOUTUBE_HOSTS), (soundcloud_track, SOUNDCLOUD_HOSTS)):
        try:
            found = find(text)
        except (InvalidYoutubeUrl, InvalidSoundcloudUrl):
            continue
        if found is not None and found != text.strip().strip("<>").strip():
            named = text.strip().lstrip("<").strip()
            named = named if "://" in named else f"https://{named.removeprefix('//')}"
            host = (urlsplit(named).hostname or "").removesuffix(".").lower()
            assert host in allowed


@pytest.mark.parametrize(
    "text",
    [
        "https://soundcloud.com/the-band/a_song-1",
        "soundcloud.com/the-band/a_song-1/",
        "https://m.soundcloud.com/the-band/a_song-1?si=x&utm_source=clipboard",
        "http://www.soundcloud.com/the-band/a_song-1#t=0:10",
    ],
)
def test_every_way_to_name_a_track_gives_artist_and_track(text):
    assert soundcloud_track(text) == "the-band/a_song-1"


@pytest.mark.parametrize(
    "text",
    [
        "https://soundcloud.com/the-band",
        "https://soundcloud.com/the-band/sets/best",
        "https://soundcloud.com/the-band/likes",
        "https://soundcloud.com/the-band/reposts",
        "https://soundcloud.com/the-band/a-song/s-SeCrEt",
        "https://soundcloud.com/discover/new",
        "https://soundcloud.com/the-band/a%20song",
        "https://soundcloud.com.evil.example/the-band/a-song",
        "https://w.soundcloud.com/player/?url=x",
        "the-band/a-song",
    ],
)
def test_what_is_not_one_public_track_is_refused(text):
    with pytest.raises(InvalidSoundcloudUrl):
        soundcloud_track(text)


def test_a_short_link_has_to_be_followed_and_is_rebuilt_from_its_code():
    assert soundcloud_track("https://on.soundcloud.com/AbC12?x=1") is None
    assert short_link("on.soundcloud.com/AbC12?x=1") == "https://on.soundcloud.com/AbC12"
    with pytest.raises(InvalidSoundcloudUrl):
        short_link("https://on.soundcloud.com/")


def test_a_link_to_a_file_keeps_every_byte_of_its_query():
    signed = "https://files.example/a.mp3?X-Sig=a%2Bb%3D&z=%20"
    assert source_url(f" <{signed}> ") == signed


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        (f"https://youtu.be/{ID}", "youtube-jobs"),
        ("https://WWW.youtube.com./watch", "youtube-jobs"),
        ("https://soundcloud.com/a/b", "soundcloud-jobs"),
        ("https://on.soundcloud.com/x", "soundcloud-jobs"),
        ("https://open.spotify.com/track/x", "direct link"),
        ("file:///etc/passwd", "https://"),
        ("ftp://files.example/a.mp3", "https://"),
        ("files.example/a.mp3", "https://"),
        ("https://me:pw@files.example/a.mp3", "user name"),
        ("https://files.example:99999/a.mp3", "https://"),
        ("https://", "https://"),
        ("https://files.example/a\x00.mp3", "https://"),
        ("https://files.example/" + "a" * 2048, "https://"),
    ],
)
def test_a_link_that_is_none_to_a_file_is_refused_with_a_remedy(url, remedy):
    with pytest.raises(InvalidSourceUrl, match=remedy) as caught:
        source_url(url)
    assert "me:pw" not in caught.value.message
