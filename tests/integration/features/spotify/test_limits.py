"""What is repeated, what is waited for, and what is passed on."""

import threading

import pytest

from stemwright.errors import SpotifyFailed
from stemwright.features.spotify.budget import IN_A_WORKER
from support.spotify_catalogue import spotify_id
from support.spotify_server import Fault

TRACK, URL = spotify_id(1), f"spotify:track:{spotify_id(1)}"
PATH = f"/v1/tracks/{TRACK}"


@pytest.fixture(autouse=True)
def track(server):
    return server.catalogue.track(1)


def test_one_token_serves_everybody_until_shortly_before_it_expires(bench, server):
    spotify = bench.spotify
    for age_s, tokens in ((0, 1), (3499, 1), (2, 2)):
        bench.time.now += age_s
        spotify.app.token(bench.budget())
        assert len(server.token_requests("client_credentials")) == tokens


def test_many_at_once_ask_for_one_token(bench, server):
    server.delay_s = 0.2
    start, found = threading.Barrier(8), []

    def ask():
        start.wait()
        found.append(bench.spotify.app.token(bench.budget()))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8
    assert len(server.token_requests("client_credentials")) == 1


def test_a_refused_token_is_replaced_once(bench, server):
    bench.spotify.app.token(bench.budget())
    server.accounts.expire_tokens()
    assert bench.spotify.fetch(URL).title == "Song"
    assert len(server.token_requests("client_credentials")) == 2
    assert server.paths() == [f"/tracks/{TRACK}"] * 2


def test_a_token_refused_twice_is_a_failure(bench, server):
    refused = Fault(401, b'{"error":{"status":401,"message":"Invalid access token"}}')
    server.fails(PATH, refused, refused)
    with pytest.raises(SpotifyFailed, match="Invalid access token"):
        bench.spotify.fetch(URL)
    assert server.paths() == [f"/tracks/{TRACK}"] * 2


def test_credentials_that_spotify_does_not_know(make_bench, server):
    bench = make_bench(client_secret="wrong")
    with pytest.raises(SpotifyFailed, match="Invalid client secret"):
        bench.spotify.fetch(URL)
    assert server.paths() == []


def test_a_short_pause_is_sat_out(bench, server):
    server.fails(PATH, Fault.limited("1"))
    assert bench.spotify.fetch(URL).title == "Song"
    assert bench.time.naps == [pytest.approx(1)]


def test_a_long_pause_is_passed_on_and_kept_by_everybody(bench, server):
    server.fails(PATH, Fault.limited("7200", reason="QUOTA_EXCEEDED"))
    with pytest.raises(SpotifyFailed, match="API rate limit exceeded") as caught:
        bench.spotify.fetch(URL)
    assert caught.value.retry_after_s == 7200
    bench.time.now += 200
    with pytest.raises(SpotifyFailed) as caught:
        bench.spotify.fetch(f"spotify:album:{spotify_id(7, 'A')}")
    assert caught.value.retry_after_s == 7000
    assert server.paths() == [f"/tracks/{TRACK}"]
    assert bench.time.naps == []
    bench.time.now += 7000
    assert bench.spotify.fetch(URL).title == "Song"


def test_a_worker_has_more_patience_than_a_request(bench, server):
    server.fails(PATH, Fault.limited("30"))
    assert bench.spotify.fetch(URL, patience=IN_A_WORKER).title == "Song"
    assert bench.time.naps == [pytest.approx(30)]


@pytest.mark.parametrize("said", [None, "", "soon", "-1", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_pause_of_no_sensible_length_is_five_seconds(bench, server, said):
    server.fails(PATH, Fault.limited(said))
    assert bench.spotify.fetch(URL).title == "Song"
    assert bench.time.naps == [pytest.approx(5)]


def test_being_told_to_wait_again_and_again_comes_to_an_end(bench, server):
    server.fails(PATH, *[Fault.limited("1")] * 10)
    with pytest.raises(SpotifyFailed) as caught:
        bench.spotify.fetch(URL)
    assert caught.value.retry_after_s == 1
    assert len(server.paths()) == 4


@pytest.mark.parametrize(
    "fault", [Fault.html(502), Fault(500), Fault(503, b"{}"), Fault(0, drops=True)]
)
def test_what_is_broken_for_a_moment_is_asked_again(bench, server, fault):
    server.fails(PATH, fault, fault)
    assert bench.spotify.fetch(URL).title == "Song"
    assert bench.time.naps == [1, 3]


def test_what_stays_broken_is_a_failure_after_two_repeats(bench, server):
    server.fails(PATH, *[Fault.html(502)] * 3)
    with pytest.raises(SpotifyFailed, match="status 502"):
        bench.spotify.fetch(URL)
    assert len(server.paths()) == 3


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"id":', b"{}", b'{"id": 5}'])
def test_an_answer_that_cannot_be_read_is_a_failure_and_no_crash(bench, server, body):
    server.fails(PATH, Fault(200, body))
    with pytest.raises(SpotifyFailed):
        bench.spotify.fetch(URL)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": null}', b'{"error":{"message":7}}'])
def test_an_error_without_words_says_the_status(bench, server, body):
    server.fails(PATH, Fault(404, body))
    with pytest.raises(SpotifyFailed, match="status 404"):
        bench.spotify.fetch(URL)


def test_a_server_that_is_gone_is_a_failure(make_bench):
    bench = make_bench(api_url="http://127.0.0.1:9/v1", accounts_url="http://127.0.0.1:9")
    with pytest.raises(SpotifyFailed, match="cannot be reached"):
        bench.spotify.fetch(URL)


def test_a_fetch_ends_after_its_time_however_many_pages_there_are(bench, server):
    album = server.catalogue.album(7, "Slow", 500)
    server.fails(f"/v1/albums/{album}/tracks", *[Fault.html(502), Fault.limited("5")] * 9)
    with pytest.raises(SpotifyFailed):
        bench.spotify.fetch(f"spotify:album:{album}")
    assert sum(bench.time.naps) <= 25
