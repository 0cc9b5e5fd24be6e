"""The way to Spotify and back."""

import threading
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import text

from stemwright.errors import (
    SpotifyAccessDenied,
    SpotifyFailed,
    SpotifyNotConfigured,
    SpotifyStateInvalid,
)
from stemwright.features.spotify.linking import SCOPES
from support.spotify import REDIRECT, SECRET

ME = "usr_me"


def asked(bench, **options):
    address = urlsplit(bench.spotify.linking.begin(ME, REDIRECT, **options))
    return dict(parse_qsl(address.query))


def refused(bench, back, **more):
    with pytest.raises(SpotifyStateInvalid):
        bench.spotify.linking.finish(**back, **more)
    assert bench.spotify.linking.account(ME) is None


def test_the_browser_is_sent_with_everything_spotify_wants(bench):
    said = asked(bench)
    assert set(said) == {
        "response_type", "client_id", "redirect_uri", "scope", "state",
        "code_challenge_method", "code_challenge",
    }  # fmt: skip
    assert (said["response_type"], said["client_id"]) == ("code", "app-id")
    assert (said["redirect_uri"], said["code_challenge_method"]) == (REDIRECT, "S256")
    assert said["scope"] == SCOPES
    assert asked(bench, ask=True)["show_dialog"] == "true"


def test_an_account_is_linked_for_who_began(bench, server):
    linked = bench.link()
    assert (linked.owner, linked.is_usable) == (ME, True)
    assert linked.scopes == tuple(SCOPES.split())
    assert bench.spotify.linking.account(ME) == linked
    sent = server.token_requests("authorization_code")[0]
    assert set(sent.form) == {"grant_type", "code", "redirect_uri", "code_verifier"}
    assert sent.headers["authorization"].startswith("Basic ")


def test_without_a_secret_the_app_gives_its_name_and_always_proves_its_key(make_bench, server):
    server.accounts.client_secret = ""
    bench = make_bench(proof_key=False)
    bench.link()
    sent = server.token_requests("authorization_code")[0]
    assert sent.form["client_id"] == "app-id"
    assert "code_verifier" in sent.form
    assert "authorization" not in sent.headers


def test_the_proof_key_can_be_switched_off_where_there_is_a_secret(make_bench, server):
    bench = make_bench(proof_key=False)
    assert "code_challenge" not in asked(bench)
    assert bench.link().is_usable
    assert "code_verifier" not in server.token_requests("authorization_code")[0].form


def test_the_scopes_kept_are_those_granted(bench, server):
    server.accounts.grants = "user-library-read"
    assert bench.link().scopes == ("user-library-read",)


def test_no_token_and_no_verifier_can_be_read_in_the_database(bench, server):
    bench.link()
    bench.spotify.linking.begin(ME, REDIRECT)
    kept = []
    with bench.database.reading() as session:
        for table in ("spotify_accounts", "spotify_links"):
            kept += [str(row) for row in session.execute(text(f"SELECT * FROM {table}"))]  # noqa: S608
    assert len(kept) == 2
    issued = [*server.accounts._access_tokens, *server.accounts._refresh_tokens]
    verifier = server.token_requests("authorization_code")[0].form["code_verifier"]
    assert not [secret for secret in [*issued, verifier] if any(secret in row for row in kept)]


def test_any_change_to_the_state_is_noticed(bench):
    back = bench.come_back()
    state = back["state"]
    for place in range(len(state)):
        other = "A" if state[place] != "A" else "B"
        refused(bench, back | {"state": state[:place] + other + state[place + 1 :]})
    assert bench.spotify.linking.finish(**back).is_usable


@pytest.mark.parametrize("state", ["", ".", "x", "x.y", "\ud800.é", "a" * 5000])
def test_a_state_made_up_is_refused(bench, state):
    refused(bench, {"state": state, "code": "AQ-1"})


def test_a_state_of_another_instance_is_refused(bench, make_bench, tmp_path):
    other = make_bench(f"sqlite:///{tmp_path / 'other.sqlite3'}", secret=SECRET[::-1])
    refused(bench, other.come_back())


def test_a_state_works_once(bench, server):
    back = bench.come_back()
    bench.spotify.linking.finish(**back)
    bench.spotify.linking.unlink(ME)
    refused(bench, back)
    assert len(server.token_requests("authorization_code")) == 1


def test_a_state_works_for_ten_minutes(bench, server):
    back, late = bench.come_back(), bench.come_back()
    bench.clock.pass_s(599)
    assert bench.spotify.linking.finish(**back).is_usable
    bench.spotify.linking.unlink(ME)
    bench.clock.pass_s(1)
    refused(bench, late)
    assert len(server.token_requests("authorization_code")) == 1


def test_a_browser_signed_in_as_somebody_else_links_nothing(bench):
    refused(bench, bench.come_back(), signed_in="usr_victim")
    assert bench.spotify.linking.finish(**bench.come_back(), signed_in=ME).is_usable


def test_a_user_who_does_not_agree_is_told_that_nothing_changed(bench, server):
    bench.link()
    server.accounts.consents = False
    back = bench.come_back()
    with pytest.raises(SpotifyAccessDenied):
        bench.spotify.linking.finish(**back)
    assert bench.spotify.linking.is_linked(ME)
    with pytest.raises(SpotifyStateInvalid):
        bench.spotify.linking.finish(**back)


@pytest.mark.parametrize("back", [{"error": "server_error"}, {"code": ""}, {}, {"code": "AQ-0"}])
def test_a_way_back_without_a_good_code_is_a_failure(bench, back):
    state = bench.come_back()["state"]
    with pytest.raises(SpotifyFailed):
        bench.spotify.linking.finish(state=state, **back)
    assert bench.spotify.linking.account(ME) is None


def test_unlinking_forgets_the_tokens(bench):
    bench.link()
    assert bench.spotify.linking.unlink(ME)
    assert not bench.spotify.linking.unlink(ME)
    assert not bench.spotify.linking.is_linked(ME)


def test_unlinking_is_for_oneself(bench):
    bench.link()
    bench.link("usr_other")
    bench.spotify.linking.unlink(ME)
    assert bench.spotify.linking.is_linked("usr_other")


def test_of_two_who_come_back_at_once_one_links(make_bench, server, database_url):
    bench = make_bench(database_url)
    back, start, ended = bench.come_back(), threading.Barrier(4), []

    def come_back():
        start.wait()
        try:
            ended.append(bench.spotify.linking.finish(**back).is_usable)
        except SpotifyStateInvalid:
            ended.append(False)

    threads = [threading.Thread(target=come_back) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == [False, False, False, True]
    assert len(server.token_requests("authorization_code")) == 1


def test_those_who_never_came_back_are_forgotten(bench):
    bench.come_back()
    bench.clock.pass_s(600)
    assert bench.spotify.linking.sweep() == 1


def test_without_an_app_there_is_nothing_to_link_with(make_bench):
    with pytest.raises(SpotifyNotConfigured):
        _ = make_bench(client_id="").spotify.linking
