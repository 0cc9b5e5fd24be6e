"""yt-dlp itself, in its child process, on a site of our own."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from yt_dlp import YoutubeDL

from stemwright.errors import (
    Cancelled,
    FileTooLarge,
    ServiceUnavailable,
    TrackNotFound,
    VideoTooLong,
    VideoUnavailable,
)
from stemwright.features.imports.extraction import ChildExtractor, ExtractionFailed, _environment
from stemwright.features.imports.extractor import Order, _options
from stemwright.features.imports.media import MediaLimits
from stemwright.features.imports.sites import SOUNDCLOUD, YOUTUBE, Site
from stemwright.features.imports.soundcloud import SoundCloud
from stemwright.features.imports.youtube import YouTube
from support.hub_server import Gate
from support.media_site import MediaSite
from support.songs import write_song

ID = "dQw4w9WgXcQ"


@pytest.fixture
def site():
    with MediaSite() as running:
        yield running


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    return write_song(tmp_path_factory.mktemp("song") / "song.flac", 8.0)


def youtube(site, extractor=None, **limits):
    return YouTube(
        extractor or ChildExtractor(),
        site=Site.instead(YOUTUBE, site.youtube_url_template),
        limits=MediaLimits(**limits),
        sleep=lambda _: None,
    )


def children():
    """Processes this one has started and that still run."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [pid for pid in found if b"extractor" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def unheard(_fraction):
    pass


def test_a_video_is_looked_up_and_its_sound_comes_untouched(site, song, tmp_path):
    site.add(ID, song, "A <song>", 8.2, author="The Band", thumbnail="https://x.example/t.jpg")
    facts = youtube(site).lookup(ID)
    assert (facts.video_id, facts.video_title, facts.video_duration) == (ID, "A <song>", 9)
    assert (facts.channel_name, facts.video_thumbnail) == ("The Band", "https://x.example/t.jpg")
    told = []
    path = youtube(site).download(ID, tmp_path, told.append)
    assert path == tmp_path / "source.flac"
    assert path.read_bytes() == song.read_bytes()
    assert told[-1] == 1.0
    assert told == sorted(told, key=lambda fraction: fraction or 0.0)


def test_what_no_database_keeps_is_left_out_of_what_a_page_says(site, song):
    site.add(ID, song, "A \0 song", 8.2, author="The\0Band", description="a\0b")
    facts = youtube(site).lookup(ID)
    assert "\0" not in f"{facts.video_title}{facts.channel_name}{facts.video_description}"


def test_a_track_is_looked_up_and_its_sound_comes_untouched(site, song, tmp_path):
    site.add("band/track", song, "A song", None, author="The Band")
    soundcloud = SoundCloud(
        ChildExtractor(), None, site=Site.instead(SOUNDCLOUD, site.soundcloud_url_template)
    )
    facts = soundcloud.lookup("band/track")
    assert (facts.track_title, facts.artist_name) == ("A song", "The Band")
    assert facts.track_duration_estimated
    assert soundcloud.download("band/track", tmp_path, unheard).read_bytes() == song.read_bytes()
    with pytest.raises(TrackNotFound):
        soundcloud.lookup("band/other")


def test_a_page_that_is_gone_or_broken_is_an_error_of_ours(site):
    with pytest.raises(VideoUnavailable):
        youtube(site).lookup(ID)
    site.statuses[ID] = 503
    with pytest.raises(ServiceUnavailable):
        youtube(site).lookup(ID)


def test_a_site_that_does_not_answer_is_given_up_with_its_child(site, song):
    site.add(ID, song, "A song", 8.0, page_gate=Gate(after=0))
    begun = time.monotonic()
    with pytest.raises(ServiceUnavailable, match="too long"):
        youtube(site, lookup_s=1.5).lookup(ID)
    assert time.monotonic() - begun < 4
    assert children() == []


def test_whoever_hears_the_progress_can_end_a_download_that_stands_still(site, song, tmp_path):
    gate = Gate(after=1000)
    site.add(ID, song, "A song", 8.0, gate=gate)

    def stop(_fraction):
        if gate.reached.is_set():
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        youtube(site).download(ID, tmp_path, stop)
    assert list(tmp_path.iterdir()) == []
    assert children() == []


def test_a_child_that_is_killed_is_started_again(site, song, tmp_path):
    gate = Gate(after=1000)
    site.add(ID, song, "A song", 8.0, gate=gate)

    def kill():
        gate.reached.wait(20)
        site.media[ID].gate = None
        (child,) = children()
        os.kill(int(child), 9)

    killing = threading.Thread(target=kill)
    killing.start()
    path = youtube(site).download(ID, tmp_path, unheard)
    killing.join()
    assert path.read_bytes() == song.read_bytes()
    assert site.requests.count(f"/files/{ID}.flac") == 2


def test_a_child_does_not_outlive_whoever_started_it(site, song):
    gate = Gate(after=0)
    site.add(ID, song, "A song", 8.0, page_gate=gate)
    url = site.youtube_url_template.replace("{id}", ID)
    code = (
        "from stemwright.features.imports.extraction import ChildExtractor\n"
        "from stemwright.features.imports.sites import YOUTUBE, Site\n"
        f"site = Site.instead(YOUTUBE, {site.youtube_url_template!r})\n"
        f"ChildExtractor().lookup({url!r}, site, timeout_s=60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    assert gate.reached.wait(20)
    (child,) = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    parent.kill()
    parent.wait()
    end = time.monotonic() + 5
    while _is_running(child) and time.monotonic() < end:
        os.sched_yield()
    assert not _is_running(child)


def _is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_video_that_is_longer_when_it_is_downloaded_is_refused(site, song, tmp_path):
    site.add(ID, song, "A song", 4000.0)
    with pytest.raises(VideoTooLong) as caught:
        youtube(site).download(ID, tmp_path, unheard)
    assert caught.value.actual_duration_s == 4000


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_above_the_limit_is_not_brought(site, song, tmp_path, chunked):
    site.add(ID, song, "A song", 8.0, chunked=chunked)
    with pytest.raises(FileTooLarge):
        youtube(site, max_bytes=100_000).download(ID, tmp_path, unheard)
    assert list(tmp_path.iterdir()) == []


def test_only_the_extractors_of_a_site_read_addresses(site):
    for url in (f"{site.origin}/watch?v={ID}", "https://www.youtube.com/@band", "ytsearch:x"):
        with pytest.raises(ExtractionFailed, match="No suitable extractor"):
            ChildExtractor().lookup(url, YOUTUBE, timeout_s=20)
    assert site.requests == []


def test_no_page_leads_the_child_into_the_inner_network(site, song):
    """The page's own origin was named by the operator; where it points was not."""
    with MediaSite() as inner:
        site.add(ID, song, "A song", 8.0)
        generic = Site("x", "", ("generic",), ("127.0.0.1", int(site.origin.rpartition(":")[2])))
        with pytest.raises(ExtractionFailed, match="open internet"):
            ChildExtractor().lookup(f"{inner.origin}/watch?v={ID}", generic, timeout_s=20)
        assert inner.requests == []
        ChildExtractor(networks=("127.0.0.0/8",)).lookup(
            f"{site.origin}/watch?v={ID}", Site("x", "", ("generic",)), timeout_s=20
        )


def test_neither_proxies_nor_secrets_of_the_environment_reach_the_child(site, song, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("STEMWRIGHT_SECRET_KEY", "s3cret")
    assert "STEMWRIGHT_SECRET_KEY" not in _environment()
    site.add(ID, song, "A song", 8.0)
    assert youtube(site).lookup(ID).video_title == "A song"


def test_cookies_are_sent_and_their_file_is_left_alone(site, song, tmp_path):
    cookies = tmp_path / "cookies.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\ta\tb\n")
    cookies.chmod(0o400)
    before = cookies.read_bytes()
    site.add(ID, song, "A song", 8.0)
    youtube(site, ChildExtractor(cookies_file=cookies)).lookup(ID)
    assert site.cookies == ["a=b"]
    assert cookies.read_bytes() == before
    with pytest.raises(ServiceUnavailable, match="cookies"):
        youtube(site, ChildExtractor(cookies_file=tmp_path / "none")).lookup(ID)
    cookies.chmod(0o600)
    cookies.write_text("no cookies\tat all")
    with pytest.raises(ServiceUnavailable):
        youtube(site, ChildExtractor(cookies_file=cookies)).lookup(ID)


def test_the_javascript_runtime_is_one_that_yt_dlp_can_use():
    order = Order(action="lookup", url="x", extractors=["youtube"], networks=[])
    with YoutubeDL(_options(order)) as ydl:
        info = ydl._js_runtimes["deno"].info
    assert info is not None
    assert info.supported


def test_videos_are_found_by_words(site, song):
    site.add(ID, song, "The Band - Song & dance", 8.0)
    site.add("other000000", song, "Else", 9.0, author="Nobody")

    [hit] = youtube(site).search("the band dance")
    assert (hit.video_id, hit.title, hit.duration_s) == (ID, "The Band - Song & dance", 8.0)
    assert site.requests == ["/results?search_query=the+band+dance"]


def test_a_search_that_fails_is_said_so(site):
    site.statuses["/results"] = 503
    with pytest.raises(ServiceUnavailable):
        youtube(site).search("song")


def test_only_the_search_of_youtube_is_let_through():
    options = _options(
        Order(action="search", url="", extractors=list(YOUTUBE.search_extractors), networks=[])
    )
    with YoutubeDL(options) as ydl:
        able = [name for name in ydl._ies if ydl._ies[name].suitable("ytsearch8:a song")]
        able += [name for name in ydl._ies if ydl._ies[name].suitable("https://youtu.be/" + ID)]
    assert able == ["YoutubeSearch"]
