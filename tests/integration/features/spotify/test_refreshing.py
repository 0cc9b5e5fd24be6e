"""Tokens of linked accounts stay good, however many use them at once."""

import threading

import pytest

from stemwright.errors import SpotifyFailed, SpotifyNotLinked
from stemwright.features.spotify.budget import IN_A_REQUEST, Budget, Timing
from support.spotify import SECRET
from support.spotify_server import Fault

ME = "usr_me"


@pytest.fixture
def playlist(server):
    return f"spotify:playlist:{server.catalogue.playlist(3, 'Mine', [server.catalogue.track(1)])}"


def refreshes(server):
    return len(server.token_requests("refresh_token"))


def token(bench, spent=None):
    return bench.spotify.linked.current(ME, spent, bench.budget())


def test_a_token_is_refreshed_a_minute_before_it_expires(bench, server):
    bench.link()
    first = token(bench)
    bench.clock.pass_s(3539)
    assert (token(bench), refreshes(server)) == (first, 0)
    bench.clock.pass_s(1)
    second = token(bench)
    assert (second != first, refreshes(server)) == (True, 1)
    assert token(bench) == second


def test_a_token_refused_before_its_time_is_refreshed_once(bench, server, playlist):
    bench.link()
    server.accounts.expire_tokens()
    assert bench.spotify.fetch(playlist, owner=ME).name == "Mine"
    assert refreshes(server) == 1


@pytest.mark.parametrize("rotates", [True, False])
def test_refreshing_goes_on_whether_or_not_the_refresh_token_changes(bench, server, rotates):
    server.accounts.rotates = rotates
    bench.link()
    for count in range(1, 4):
        bench.clock.pass_s(3600)
        token(bench)
        assert refreshes(server) == count


@pytest.mark.parametrize("hosts", [1, 2])
def test_many_at_once_refresh_once_and_all_have_the_new_token(
    make_bench, server, database_url, hosts
):
    benches = [make_bench(database_url) for _ in range(hosts)]
    benches[0].link()
    old = token(benches[0])
    server.accounts.expire_tokens()
    server.delay_s = 0.3
    start, found = threading.Barrier(8), []

    def ask(bench):
        start.wait()
        budget = Budget(IN_A_REQUEST, Timing())
        found.append(bench.spotify.linked.current(ME, old, budget))

    threads = [threading.Thread(target=ask, args=(benches[n % hosts],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found)), refreshes(server)) == (8, 1, 1)
    assert old not in found
    assert benches[0].spotify.linking.is_linked(ME)


def test_a_consent_taken_back_unlinks_and_the_user_is_told(bench, server, playlist):
    bench.link()
    server.accounts.withdraw_consent()
    server.accounts.expire_tokens()
    with pytest.raises(SpotifyNotLinked, match="Link it again"):
        bench.spotify.fetch(playlist, owner=ME)
    account = bench.spotify.linking.account(ME)
    assert not account.is_usable
    assert refreshes(server) == 1
    bench.link()
    assert bench.spotify.fetch(playlist, owner=ME).name == "Mine"


def test_a_refresh_that_fails_leaves_the_link_as_it_was(bench, server):
    bench.link()
    bench.clock.pass_s(3600)
    server.fails("/api/token", *[Fault.html(502)] * 3)
    with pytest.raises(SpotifyFailed, match="status 502"):
        token(bench)
    assert token(bench)


def test_a_process_that_died_while_refreshing_holds_nobody_up_for_long(bench, server):
    bench.link()
    linked = bench.spotify.linked
    old = token(bench)
    linked._lease(ME, linked._kept(ME))
    with pytest.raises(SpotifyFailed, match="in time"):
        token(bench, spent=old)
    bench.clock.pass_s(60)
    assert token(bench, spent=old) != old


def test_a_link_made_anew_during_a_refresh_is_the_one_that_stays(bench, server):
    bench.link()
    linked = bench.spotify.linked
    kept = linked._kept(ME)
    lease = linked._lease(ME, kept)
    bench.link()
    newer = token(bench)
    assert linked._refreshed(ME, kept, lease, bench.budget()) is None
    assert token(bench) == newer


def test_a_link_removed_during_a_refresh_stays_removed(bench, server):
    bench.link()
    linked = bench.spotify.linked
    kept = linked._kept(ME)
    lease = linked._lease(ME, kept)
    bench.spotify.linking.unlink(ME)
    assert linked._refreshed(ME, kept, lease, bench.budget()) is None
    with pytest.raises(SpotifyNotLinked):
        token(bench)


def test_another_secret_of_the_instance_ends_the_links(bench, make_bench):
    bench.link()
    other = make_bench(secret=SECRET[::-1])
    with pytest.raises(SpotifyNotLinked):
        token(other)
    assert not other.spotify.linking.is_linked(ME)
