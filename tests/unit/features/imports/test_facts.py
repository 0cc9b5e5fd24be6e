"""What becomes of yt-dlp's words on a video or track."""

import pytest

from stemwright.errors import InvalidSoundcloudUrl, OptionError, ServiceUnavailable
from stemwright.features.imports.sites import SOUNDCLOUD, YOUTUBE, Site
from stemwright.features.imports.soundcloud import SoundCloud
from stemwright.features.imports.youtube import YouTube
from stemwright.web.addresses import AddressPolicy
from stemwright.web.client import Answer, GuardedClient
from support.told_extractor import ToldExtractor, upstream

ID = "dQw4w9WgXcQ"


def video(**told):
    return YouTube(ToldExtractor([{"title": "A song", "duration": 212.1, **told}])).lookup(ID)


def test_a_video_that_says_everything():
    facts = video(
        id=ID,
        thumbnail="https://i.example/t.jpg",
        channel="The Band",
        uploader="Somebody",
        channel_id="UC1",
        description="About it",
        timestamp=1256453853,
        upload_date="20010101",
        tags=["a", "b"],
        categories=["Music"],
        formats=[{"height": 1080}, {"height": None}],
        subtitles=["en"],
        view_count=5,
        like_count=4,
        comment_count=3,
    )
    assert (facts.video_id, facts.video_title, facts.video_duration) == (ID, "A song", 213)
    assert (facts.video_thumbnail, facts.channel_name) == ("https://i.example/t.jpg", "The Band")
    assert (facts.channel_id, facts.video_description) == ("UC1", "About it")
    assert facts.published_at == "2009-10-25T06:57:33Z"
    assert (facts.tags, facts.category_id) == (("a", "b"), "Music")
    assert (facts.definition, facts.has_captions) == ("hd", True)
    assert (facts.view_count, facts.like_count, facts.comment_count) == (5, 4, 3)


def test_a_video_that_says_next_to_nothing():
    facts = video()
    assert facts.video_thumbnail == f"https://i.ytimg.com/vi/{ID}/hqdefault.jpg"
    assert (facts.channel_name, facts.channel_id, facts.published_at) == ("", None, None)
    assert (facts.tags, facts.category_id, facts.definition) == ((), None, "sd")
    assert (facts.has_captions, facts.view_count) == (False, None)


def test_older_names_stand_in_for_newer_ones():
    facts = video(uploader="Somebody", upload_date="20091025")
    assert (facts.channel_name, facts.published_at) == ("Somebody", "2009-10-25T00:00:00Z")


def test_a_track_says_how_long_it_is_or_is_held_for_four_minutes():
    told = {"id": "77", "title": "T", "duration": 61.2, "thumbnail": "u", "uploader": "B"}
    known = SoundCloud(ToldExtractor([told]), None).lookup("band/track")
    assert (known.track_id, known.track_title, known.track_artwork) == ("77", "T", "u")
    assert (known.track_duration, known.track_duration_estimated) == (62, False)
    assert known.soundcloud_url == "https://soundcloud.com/band/track"
    unknown = SoundCloud(ToldExtractor([{}]), None).lookup("band/track")
    assert (unknown.track_duration, unknown.track_duration_estimated) == (240, True)
    assert (unknown.track_title, unknown.artist_name) == ("track", "band")


class Hops:
    """A client that knows where links lead."""

    def __init__(self, hops):
        self.hops = hops
        self.asked = []

    def send(self, method, url, **options):
        self.asked.append(url)
        location = self.hops.get(url)
        return Answer(302, {"location": location} if location else {}, b"", truncated=False)


def test_a_short_link_is_followed_within_soundcloud():
    client = Hops({
        "https://on.soundcloud.com/aBc": "https://on.soundcloud.com/d",
        "https://on.soundcloud.com/d": "https://soundcloud.com/band/track?si=1",
    })  # fmt: skip
    found = SoundCloud(ToldExtractor([{}]), client).parse("on.soundcloud.com/aBc")
    assert found == "band/track"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/band/track",
        "http://soundcloud.com/band/track",
        "https://on.soundcloud.com/aBc",
        "https://soundcloud.com/band/sets/x",
        None,
    ],
)
def test_a_short_link_that_leads_elsewhere_is_refused(target):
    client = Hops({"https://on.soundcloud.com/aBc": target})
    with pytest.raises(InvalidSoundcloudUrl):
        SoundCloud(ToldExtractor([{}]), client).parse("https://on.soundcloud.com/aBc")
    assert len(client.asked) == 1


def test_a_short_link_that_does_not_answer_may_do_so_later():
    client = GuardedClient(AddressPolicy(), resolve=lambda *_: ["10.0.0.1"])
    with pytest.raises(ServiceUnavailable):
        SoundCloud(ToldExtractor([{}]), client).parse("https://on.soundcloud.com/aBc")


def test_a_full_address_is_known_without_asking():
    found = SoundCloud(ToldExtractor([{}]), None).parse("https://soundcloud.com/band/track")
    assert found == "band/track"


def test_pages_may_be_taken_from_elsewhere():
    site = Site.instead(YOUTUBE, "https://media.example:8443/watch?v={id}")
    assert site.url(ID) == f"https://media.example:8443/watch?v={ID}"
    assert (site.extractors, site.origin) == (("generic",), ("media.example", 8443))
    assert Site.instead(SOUNDCLOUD, "http://media.example/{id}").origin == ("media.example", 80)


@pytest.mark.parametrize(
    "template",
    [
        "https://media.example/watch",
        "https://{id}.example/",
        "ftp://media.example/{id}",
        "https://me:pw@media.example/{id}",
        "media.example/{id}",
        "https://media.example:x/{id}",
    ],
)
def test_a_template_that_makes_no_address_is_refused(template):
    with pytest.raises(OptionError, match="no address"):
        Site.instead(YOUTUBE, template)


def test_videos_are_searched_for_by_words_and_listed_in_youtubes_order():
    listed = [
        {"id": "aaaaaaaaaaa", "title": "Song", "duration": 61.5, "uploader": "Band"},
        {"title": "a channel, which has another id"},
        {"id": "bbbbbbbbbbb", "live_status": "is_live", "view_count": 7},
    ]
    extractor = ToldExtractor([{"entries": listed}])
    first, second = YouTube(extractor).search("  The Band \n Song ")

    assert extractor.asked == ["The Band Song"]
    assert (first.video_id, first.title, first.channel_name) == ("aaaaaaaaaaa", "Song", "Band")
    assert (first.duration_s, first.is_live) == (61.5, False)
    assert (second.video_id, second.is_live, second.views) == ("bbbbbbbbbbb", True, 7)


def test_what_is_searched_is_what_each_place_understands():
    instead = Site.instead(YOUTUBE, "https://media.example:8443/watch?v={id}&x=1")

    assert YOUTUBE.search_url("a & b") == "ytsearch8:a & b"
    assert instead.search_url("a & b") == (
        "https://media.example:8443/results?search_query=a+%26+b"
    )
    assert YOUTUBE.search_extractors == ("youtube:search",)


@pytest.mark.parametrize(
    ("url", "media_id"),
    [
        ("https://media.example/watch?v=abc&x=1", "abc"),
        ("https://media.example/watch?v=&x=1", None),
        ("https://media.example/watch?v=abc", None),
        ("https://other.example/watch?v=abc&x=1", None),
    ],
)
def test_an_address_of_a_site_tells_its_id(url, media_id):
    site = Site.instead(YOUTUBE, "https://media.example/watch?v={id}&x=1")
    assert site.media_id(url) == media_id


def test_a_search_that_youtube_does_not_answer_says_so():
    failing = ToldExtractor([upstream("HTTP Error 429")])
    with pytest.raises(ServiceUnavailable):
        YouTube(failing, sleep=lambda _: None).search("Song")
