"""Odd JSON is read as far as it makes sense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwright.features.spotify.reading import Cover, Page, playlist_track, seconds, track

ODD = [None, True, 7, -1, 1.5, "", "text", [], [None], [7], {}, {"name": None}, [{"url": 1}]]
NAMES = (
    "id name artists album images duration_ms external_urls external_ids is_local type item track"
)

json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES.split()) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)
objects = st.dictionaries(st.sampled_from(NAMES.split()), json_like)


@given(objects, json_like)
def test_whatever_comes_it_is_read_or_left_out(told, other):
    for facts in (track(told), playlist_track(told), playlist_track(other)):
        if facts is not None:
            assert facts.spotify_id
            assert 1 <= len(facts.title) <= 500
            assert facts.duration_s >= 0
    Page.of(told)
    Cover.of(told)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["name", "artists", "album", "duration_ms", "external_urls"])
def test_one_odd_member_does_not_spoil_the_rest(name, odd):
    told = {"id": "abc", "name": "Song", "artists": [{"name": "One"}], "duration_ms": 1500}
    facts = track(told | {name: odd})
    assert facts.spotify_id == "abc"
    assert facts.spotify_url == "https://open.spotify.com/track/abc"


@pytest.mark.parametrize("odd", ["", "x" * 65, "a/b", "a b", "é", 7])
def test_what_has_no_id_that_is_one_is_no_track(odd):
    assert track({"id": odd, "name": "Song"}) is None


@pytest.mark.parametrize(("told", "isrc"), [("GBAYE0601498", "GBAYE0601498"), ("x" * 17, None)])
def test_a_code_that_cannot_be_one_is_left_out(told, isrc):
    assert track({"id": "abc", "external_ids": {"isrc": told}}).isrc == isrc


@pytest.mark.parametrize(
    ("milliseconds", "rounded"),
    [(0, 0), (499, 0), (500, 1), (222_400, 222), (222_500, 223), (223_500, 224), (1e400, 0)],
)
def test_durations_are_rounded_to_whole_seconds(milliseconds, rounded):
    assert seconds(milliseconds) == rounded


def test_titles_are_cut_and_a_missing_one_is_the_id():
    assert len(track({"id": "abc", "name": "x" * 900}).title) == 500
    assert track({"id": "abc", "name": ""}).title == "abc"


def test_texts_are_such_that_every_database_takes_them():
    assert track({"id": "abc", "name": "So\0ng\ud800"}).title == "Song"


def test_only_addresses_are_linked_to():
    for url in ("javascript:alert(1)", "/track/abc", ""):
        facts = track({
            "id": "abc",
            "external_urls": {"spotify": url},
            "album": {"images": [{"url": url}, {"url": "https://i.example/x"}]},
        })  # fmt: skip
        assert facts.spotify_url == "https://open.spotify.com/track/abc"
        assert facts.album_art_url == "https://i.example/x"


def test_the_first_image_is_the_one():
    images = [{"url": f"https://i.example/{width}", "width": width} for width in (640, 300)]
    assert Cover.of({"name": "A", "images": images}).image_url == "https://i.example/640"


@pytest.mark.parametrize("member", ["item", "track"])
def test_an_entry_is_read_under_either_name(member):
    held = {"id": "abc", "name": "Song", "type": "track"}
    assert playlist_track({member: held}).title == "Song"
    assert playlist_track({member: held | {"type": "episode"}}) is None
    assert playlist_track({member: held | {"is_local": True}}) is None
    assert playlist_track({member: held, "is_local": True}) is None
    assert playlist_track({member: None}) is None
