"""Which links name what, decided without asking anybody."""

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwright.errors import InvalidSpotifyUrl
from stemwright.features.spotify.facts import KINDS
from stemwright.features.spotify.links import (
    PAGE_HOSTS,
    SHORT_HOSTS,
    ShortLink,
    SpotifyLink,
    parse,
)

ID = "3n3Ppam7vgaVa1iaRUc9Lp"

FORMS = [
    "https://open.spotify.com/{kind}/{id}",
    "https://open.spotify.com/{kind}/{id}/",
    "https://open.spotify.com/{kind}/{id}?si=0123&context=spotify%3Aalbum%3Aabc&utm_source=x",
    "https://open.spotify.com/{kind}/{id}#0:10",
    "https://open.spotify.com/intl-de/{kind}/{id}?si=1",
    "https://open.spotify.com/intl-fr_CA/{kind}/{id}",
    "https://open.spotify.com/embed/{kind}/{id}?utm_source=generator",
    "https://play.spotify.com/{kind}/{id}",
    "http://open.spotify.com/{kind}/{id}",
    "open.spotify.com/{kind}/{id}",
    "//open.spotify.com/{kind}/{id}",
    "spotify.com/{kind}/{id}",
    "https://www.spotify.com/{kind}/{id}",
    "https://open.spotify.com:443/{kind}/{id}",
    "HTTPS://Open.Spotify.COM./{kind}/{id}",
    "spotify:{kind}:{id}",
    "  <https://open.spotify.com/{kind}/{id}> ",
]
INVALID = [
    "",
    ID,
    "https://open.spotify.com/",
    "https://open.spotify.com/track",
    "https://open.spotify.com/track/",
    f"https://open.spotify.com/track//{ID}",
    f"https://open.spotify.com//track/{ID}",
    f"https://open.spotify.com/track/{ID}/more",
    f"https://open.spotify.com/track/{ID}%20",
    f"https://open.spotify.com/track/{'a' * 65}",
    "https://open.spotify.com/track/with-dash",
    f"https://open.spotify.com/artist/{ID}",
    f"https://open.spotify.com/episode/{ID}",
    f"https://open.spotify.com/show/{ID}",
    "https://open.spotify.com/user/somebody",
    f"https://open.spotify.com/user//playlist/{ID}",
    f"https://open.spotify.com/user/somebody/track/{ID}",
    "https://open.spotify.com/search/track",
    f"https://open.spotify.com/x/track/{ID}",
    f"https://open.spotify.com/intl-/track/{ID}",
    f"https://open.spotify.com/embed/intl-de/track/{ID}",
    "spotify:local:artist:album:title:100",
    f"spotify:artist:{ID}",
    "spotify:track:",
    f"spotify:track:{ID}:",
    f"spotify:/track/{ID}",
    f"spotify://track/{ID}",
    f"https://open.spotify.com.evil.example/track/{ID}",
    f"https://evilspotify.com/track/{ID}",
    f"https://accounts.spotify.com/track/{ID}",
    f"https://evil.example/open.spotify.com/track/{ID}",
    f"https://open.spotify.com@evil.example/track/{ID}",
    f"https://me:pw@open.spotify.com/track/{ID}",
    f"https://evil.example\\@open.spotify.com/track/{ID}",
    f"https://open.spotify.com:8443/track/{ID}",
    f"ftp://open.spotify.com/track/{ID}",
    f"https://open.spo\ttify.com/track/{ID}",
    f"https://open.spotify.com/track/{ID}?pad={'x' * 2048}",
    "https://spotify.link/",
    "https://spotify.link/a/b",
    "https://spotify.link/a.b",
    f"https://spotify.link.evil.example/{ID}",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_what_it_names(form, kind):
    assert parse(form.format(kind=kind, id=ID)) == SpotifyLink(kind, ID)


@pytest.mark.parametrize(
    "text",
    [
        f"https://open.spotify.com/user/somebody/playlist/{ID}",
        f"spotify:user:somebody:playlist:{ID}",
        f"https://open.spotify.com/user/some%20body/playlist/{ID}?si=1",
    ],
)
def test_the_old_forms_of_playlists_are_known(text):
    assert parse(text) == SpotifyLink("playlist", ID)


def test_letter_case_matters_in_the_id_alone():
    assert parse("Spotify:TRACK:aBc") == SpotifyLink("track", "aBc")
    assert parse("https://OPEN.spotify.com/Album/aBc") == SpotifyLink("album", "aBc")


@pytest.mark.parametrize("host", sorted(SHORT_HOSTS))
def test_a_short_link_has_to_be_followed_and_is_rebuilt_from_its_code(host):
    assert parse(f"http://{host}/AbC_1?x=secret#y") == ShortLink(f"https://{host}/AbC_1")


@pytest.mark.parametrize("text", INVALID)
def test_what_names_nothing_of_the_three_is_refused(text):
    with pytest.raises(InvalidSpotifyUrl) as caught:
        parse(text)
    assert caught.value.http_status == 400


def test_a_refusal_repeats_neither_password_nor_query():
    for text in ("https://me:secret@open.spotify.com/x", "https://x.example/?token=secret"):
        with pytest.raises(InvalidSpotifyUrl) as caught:
            parse(text)
        assert "secret" not in caught.value.message


hosts = st.one_of(
    st.sampled_from(sorted(PAGE_HOSTS | SHORT_HOSTS)),
    st.sampled_from([
        "open.spotify.com.evil.example", "evil.example", "spotify.co", "xspotify.com",
        "open.spotify.com:80@evil.example", "evil.example#open.spotify.com", "127.0.0.1",
        "evil.example?open.spotify.com", "open.spotify.com\\.evil.example", "[::1]",
        "open.spotify.com%00.evil.example", "\uff53potify.com", "api.spotify.com",
    ]),
    st.text(max_size=20),
)  # fmt: skip
addresses = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["https://", "http://", "//", "", "ftp://", "https:\\\\", "https:/", " "]),
    st.sampled_from(["", "", "user@", "open.spotify.com@"]),
    hosts,
    st.sampled_from(["", ":443", ":80", ":1", "."]),
    st.sampled_from([
        f"/track/{ID}", f"/embed/album/{ID}", f"/intl-de/playlist/{ID}", f"/{ID}",
        f"/user/x/playlist/{ID}", f"/@x/track/{ID}", f"/track/{ID}?u=//evil.example",
    ]),
)  # fmt: skip


@given(st.one_of(addresses, st.text()))
def test_nothing_is_found_in_a_link_to_another_host(text):
    """Whoever reads the address, its host is on the list, or it is no address but a URI."""
    try:
        found = parse(text)
    except InvalidSpotifyUrl:
        return
    bare = text.strip().strip("<>").strip()
    if re.fullmatch(r"spotify:[^/]*", bare, re.IGNORECASE):
        assert isinstance(found, SpotifyLink)
        return
    address = bare if "://" in bare else f"https://{bare.removeprefix('//')}"
    host = (urlsplit(address).hostname or "").removesuffix(".")
    assert host in (PAGE_HOSTS if isinstance(found, SpotifyLink) else SHORT_HOSTS)
    assert not isinstance(found, SpotifyLink) or re.fullmatch("[0-9A-Za-z]+", found.spotify_id)
