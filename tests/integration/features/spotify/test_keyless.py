"""Without an app: what the embedded pages tell."""

import pytest

from stemwright.errors import SpotifyFailed
from support.spotify_catalogue import spotify_id
from support.spotify_server import Fault

TRACK = spotify_id(1)


@pytest.fixture
def keyless(make_bench):
    return make_bench(client_id="", client_secret="", keyless=True)


def test_a_track_lacks_its_album(keyless, server):
    server.catalogue.track(1, "Song", ("One", "Two"), isrc="GBAYE0601498")
    found = keyless.spotify.fetch(f"spotify:track:{TRACK}")
    assert (found.title, found.artist, found.duration_s) == ("Song", "One, Two", 222)
    assert (found.album, found.isrc) == (None, None)
    assert found.album_art_url.endswith("-640")
    assert found.spotify_url == f"https://open.spotify.com/track/{TRACK}"


def test_an_album_gives_its_tracks_its_name_and_cover(keyless, server):
    found = keyless.spotify.fetch(f"spotify:album:{server.catalogue.album(7, 'Short', 3)}")
    assert [track.title for track in found.tracks] == ["Song 1", "Song 2", "Song 3"]
    assert {track.album for track in found.tracks} == {"Short"}
    assert {track.album_art_url for track in found.tracks} == {found.image_url}
    assert not found.truncated


def test_of_a_long_playlist_there_are_the_first_hundred(keyless, server):
    held = [server.catalogue.track(n, "Song", ("One", "Two")) for n in range(1, 121)]
    held[3] = server.catalogue.episode(4)
    found = keyless.spotify.fetch(f"spotify:playlist:{server.catalogue.playlist(3, 'Long', held)}")
    assert (len(found.tracks), found.skipped, found.truncated) == (99, 1, True)
    assert found.tracks[0].artist == "One, Two"


def test_with_credentials_the_pages_are_left_alone(make_bench, server):
    bench = make_bench(keyless=True)
    server.catalogue.track(1)
    assert bench.spotify.fetch(f"spotify:track:{TRACK}").album == "The Album"
    assert not [one for one in server.asked if one.path.startswith("/embed")]


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html>changed</html>",
        b'<script id="__NEXT_DATA__" type="application/json">{"props":</script>',
        b'<script id="__NEXT_DATA__" type="application/json">[]</script>',
        b'<script id="__NEXT_DATA__">{"props":{"pageProps":{"state":{"data":null}}}}</script>',
    ],
)
def test_a_page_that_looks_otherwise_is_a_failure_and_no_crash(keyless, server, page):
    server.fails(f"/embed/track/{TRACK}", Fault(200, page))
    with pytest.raises(SpotifyFailed, match="does not say what it shows"):
        keyless.spotify.fetch(f"spotify:track:{TRACK}")


def test_what_is_not_there_is_a_failure(keyless):
    with pytest.raises(SpotifyFailed, match="status 404"):
        keyless.spotify.fetch(f"spotify:track:{TRACK}")
