"""Tracks, albums and playlists as they are found."""

import pytest

from stemwright.errors import InvalidSpotifyUrl, SpotifyFailed, SpotifyNotConfigured
from stemwright.features.spotify.facts import TrackFacts
from support.spotify_catalogue import error, spotify_id
from support.spotify_server import Fault

TRACK, TRACK_URL = spotify_id(1), f"https://open.spotify.com/track/{spotify_id(1)}"


def album_url(wanted):
    return f"https://open.spotify.com/album/{wanted}"


def playlist_url(wanted):
    return f"https://open.spotify.com/playlist/{wanted}"


def test_a_track_is_found_with_everything_that_is_kept_of_it(bench, server):
    server.catalogue.track(1, "Song", ("One", "Two"), isrc="GBAYE0601498")
    assert bench.spotify.fetch(f"{TRACK_URL}?si=x") == TrackFacts(
        spotify_id=TRACK,
        title="Song",
        artist="One, Two",
        album="The Album",
        album_art_url=f"https://i.scdn.co/image/{spotify_id(900, 'A')}-640",
        duration_s=222,
        spotify_url=TRACK_URL,
        isrc="GBAYE0601498",
    )


def test_all_pages_of_an_album_are_read_and_its_tracks_inherit_its_name_and_cover(bench, server):
    found = bench.spotify.fetch(album_url(server.catalogue.album(7, "Long", 120)))
    assert (found.kind, found.name, found.total_tracks) == ("album", "Long", 120)
    assert [track.title for track in found.tracks] == [f"Song {n}" for n in range(1, 121)]
    assert {track.album for track in found.tracks} == {"Long"}
    assert {track.album_art_url for track in found.tracks} == {found.image_url}
    assert len(server.paths()) == 3
    assert not found.truncated


def test_five_hundred_tracks_are_taken_and_the_rest_is_owned_up_to(bench, server):
    found = bench.spotify.fetch(album_url(server.catalogue.album(7, "Endless", 620)))
    assert (len(found.tracks), found.total_tracks, found.truncated) == (500, 620, True)
    assert len(server.paths()) == 10


def test_an_album_of_exactly_five_hundred_is_whole(bench, server):
    found = bench.spotify.fetch(album_url(server.catalogue.album(7, "Full", 500)))
    assert (len(found.tracks), found.truncated) == (500, False)


@pytest.mark.parametrize("shape", ["old", "new"])
def test_a_playlist_is_read_in_both_shapes_and_what_is_no_track_is_counted(bench, server, shape):
    catalogue = server.catalogue
    one, two = catalogue.track(1, "One"), catalogue.track(2, "Two")
    held = [one, None, catalogue.local_file("demo"), catalogue.episode(5), two, one]
    wanted = catalogue.playlist(3, "Mixed", held, shape)
    bench.link()
    found = bench.spotify.fetch(playlist_url(wanted), owner="usr_me")
    assert [track.title for track in found.tracks] == ["One", "Two", "One"]
    assert (found.kind, found.name, found.skipped, found.total_tracks) == (
        "playlist",
        "Mixed",
        3,
        6,
    )
    assert found.image_url == f"https://i.scdn.co/image/{wanted}"


def test_the_new_path_is_asked_before_the_old_one(bench, server):
    wanted = server.catalogue.playlist(3, "Old", [server.catalogue.track(1)], "old")
    bench.spotify.fetch(playlist_url(wanted))
    base = f"/playlists/{wanted}"
    assert server.paths() == [base, f"{base}/items", f"{base}/tracks"]


def test_pages_of_a_playlist_are_followed(bench, server):
    held = [server.catalogue.track(number) for number in range(1, 131)]
    found = bench.spotify.fetch(playlist_url(server.catalogue.playlist(3, "Long", held, "old")))
    assert [track.spotify_id for track in found.tracks] == [one["id"] for one in held]
    assert [one.query["limit"] for one in server.asked if "limit" in one.query] == ["50"] * 4


def test_a_playlist_that_only_its_owner_may_read_says_what_to_do(bench, server):
    wanted = server.catalogue.playlist(3, "New", [server.catalogue.track(1)])
    with pytest.raises(SpotifyFailed) as caught:
        bench.spotify.fetch(playlist_url(wanted), owner="usr_me")
    assert caught.value.message == (
        "Spotify did not return this playlist's tracks; link the owner's Spotify account"
    )


def test_one_users_playlist_is_not_shown_to_another(bench, server):
    wanted = server.catalogue.playlist(3, "Mine", [server.catalogue.track(1)])
    bench.link("usr_me")
    assert len(bench.spotify.fetch(playlist_url(wanted), owner="usr_me").tracks) == 1
    server.accounts.user = "bob"
    bench.link("usr_bob")
    for stranger in ("usr_bob", "usr_nobody", None):
        with pytest.raises(SpotifyFailed):
            bench.spotify.fetch(playlist_url(wanted), owner=stranger)


@pytest.mark.parametrize("elsewhere", ["http://127.0.0.1:9", "https://evil.example", "//x", "["])
def test_a_next_page_on_another_host_is_not_asked_for(bench, server, elsewhere):
    wanted = server.catalogue.album(7, "Odd", 60)
    head, listed = server.catalogue.albums[wanted]
    page = {"items": listed[:50], "total": 60, "next": f"{elsewhere}/v1/albums/{wanted}/tracks"}
    server.fails(f"/v1/albums/{wanted}", Fault.json(200, head | {"tracks": page}))
    found = bench.spotify.fetch(album_url(wanted))
    assert (len(found.tracks), found.truncated) == (50, not elsewhere.startswith(("//", "[")))
    assert len(server.paths()) == 1


def test_an_album_without_its_first_page_is_read_all_the_same(bench, server):
    wanted = server.catalogue.album(7, "Bare", 60)
    server.fails(f"/v1/albums/{wanted}", Fault.json(200, server.catalogue.albums[wanted][0]))
    found = bench.spotify.fetch(album_url(wanted))
    assert (len(found.tracks), found.name) == (60, "Bare")


def test_found_once_is_known_for_an_hour_and_a_playlist_for_a_minute(bench, server):
    track = server.catalogue.track(1)
    wanted = server.catalogue.playlist(3, "Old", [track], "old")
    for age_s, asked in ((0, 4), (59, 4), (2, 7), (3500, 10), (100, 14)):
        bench.time.now += age_s
        bench.spotify.fetch(TRACK_URL)
        bench.spotify.fetch(playlist_url(wanted))
        assert len(server.paths()) == asked


def test_what_is_not_there_is_reported_in_spotifys_words(bench):
    with pytest.raises(SpotifyFailed) as caught:
        bench.spotify.fetch(TRACK_URL)
    assert (caught.value.message, caught.value.status) == ("Resource not found", 404)
    assert caught.value.http_status == 502


def test_a_malformed_id_is_spotifys_to_judge(bench, server):
    bench.link()
    with pytest.raises(SpotifyFailed, match="Invalid base62 id"):
        bench.spotify.fetch("spotify:track:short", owner="usr_me")
    assert server.paths() == ["/tracks/short"]


def test_a_link_to_something_else_asks_nobody(bench, server):
    for url in ("https://open.spotify.com/artist/abc", "https://evil.example/track/abc"):
        with pytest.raises(InvalidSpotifyUrl):
            bench.spotify.fetch(url)
    assert server.asked == []


@pytest.mark.parametrize("missing", ["client_id", "client_secret"])
def test_without_credentials_nobody_is_asked(make_bench, server, missing):
    bench = make_bench(**{missing: ""})
    for url in (TRACK_URL, "https://spotify.link/abc"):
        with pytest.raises(SpotifyNotConfigured) as caught:
            bench.spotify.fetch(url, owner="usr_me")
    assert caught.value.http_status == 503
    assert server.asked == []


def test_a_users_token_is_asked_where_the_apps_is_refused(bench, server):
    server.catalogue.track(1)
    bench.link()
    server.fails(f"/v1/tracks/{TRACK}", Fault.json(403, error(403, "Forbidden")))
    assert bench.spotify.fetch(TRACK_URL, owner="usr_me").title == "Song"


def test_an_app_without_a_secret_reads_for_who_linked_an_account(make_bench, server):
    server.accounts.client_secret = ""
    bench = make_bench()
    server.catalogue.track(1)
    bench.link("usr_me")
    assert bench.spotify.fetch(TRACK_URL, owner="usr_me").title == "Song"
    bench.time.now += 4000
    with pytest.raises(SpotifyNotConfigured):
        bench.spotify.fetch(TRACK_URL, owner="usr_other")
