"""Short links are followed within Spotify, and no further."""

import pytest

from stemwright.errors import InvalidSpotifyUrl, RemoteUnreachable
from stemwright.features.spotify.budget import IN_A_REQUEST, Budget, Timing
from stemwright.features.spotify.links import ShortLink, SpotifyLink
from stemwright.features.spotify.shortlinks import ShortLinks
from stemwright.web.addresses import AddressPolicy
from stemwright.web.client import Answer, GuardedClient
from support.spotify import FakeTime

FIRST = "https://spotify.link/aBc"
TRACK = "https://open.spotify.com/track/3n3Ppam7vgaVa1iaRUc9Lp"


class Hops:
    """Answers with redirects, each after some seconds."""

    def __init__(self, hops, took_s=0.0, status=302):
        self.hops, self.took_s, self.status = hops, took_s, status
        self.asked, self.time = [], FakeTime()

    def send(self, method, url, *, timeout, **options):
        self.asked.append(url)
        self.time.now += min(self.took_s, timeout)
        if self.took_s >= timeout:
            raise RemoteUnreachable(f"{url}: no answer in time")
        location = self.hops.get(url)
        return Answer(self.status, {"location": location} if location else {}, b"", truncated=False)

    def followed(self):
        budget = Budget(IN_A_REQUEST, self.time.timing)
        return ShortLinks(self).followed(ShortLink(FIRST), budget)


def chain(*places):
    return dict(zip([FIRST, *places], places, strict=False))


@pytest.mark.parametrize(
    "way",
    [
        [TRACK],
        [f"{TRACK}?si=x"],
        ["https://spotify.app.link/x", "https://open.spotify.com/?x=1", TRACK],
        ["https://www.spotify.com/de/x", "https://abc.spotify.com/y", TRACK],
        ["/second", "https://open.spotify.com/intl-de/track/3n3Ppam7vgaVa1iaRUc9Lp"],
    ],
)
def test_a_short_link_is_followed_to_what_it_names(way):
    hops = Hops(chain(*way) | {"https://spotify.link/second": way[-1]})
    assert hops.followed() == SpotifyLink("track", "3n3Ppam7vgaVa1iaRUc9Lp")
    assert TRACK not in hops.asked


@pytest.mark.parametrize(
    "target",
    [
        None,
        "https://evil.example/track/abc",
        "https://spotify.com.evil.example/",
        "https://evilspotify.com/x",
        "http://open.spotify.com/x",
        "https://open.spotify.com:8443/x",
        "https://me@open.spotify.com/x",
        "spotify:track:abc",
        "https://[",
        "//",
    ],
)
def test_a_way_that_leads_elsewhere_is_not_taken(target):
    hops = Hops({FIRST: target})
    with pytest.raises(InvalidSpotifyUrl):
        hops.followed()
    assert hops.asked == [FIRST]


def test_a_page_is_not_read():
    with pytest.raises(InvalidSpotifyUrl):
        Hops({FIRST: TRACK}, status=200).followed()


def test_five_hops_are_enough():
    hops = Hops(chain(*[f"https://open.spotify.com/hop{n}" for n in range(9)]))
    with pytest.raises(InvalidSpotifyUrl):
        hops.followed()
    assert len(hops.asked) == 5


def test_five_seconds_are_enough():
    hops = Hops(chain(*[f"https://open.spotify.com/hop{n}" for n in range(9)]), took_s=2)
    with pytest.raises(InvalidSpotifyUrl):
        hops.followed()
    assert len(hops.asked) == 3


def test_a_name_that_leads_inside_is_not_asked():
    client = GuardedClient(AddressPolicy(), resolve=lambda *_: ["10.0.0.1"])
    with pytest.raises(InvalidSpotifyUrl):
        ShortLinks(client).followed(ShortLink(FIRST), Budget(IN_A_REQUEST, Timing()))
