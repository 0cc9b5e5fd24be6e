"""The stand-in for Spotify against what Spotify documents, asked without our client."""

import hashlib
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from support.spotify_accounts import AccountsService
from support.spotify_catalogue import spotify_id
from support.spotify_server import Fault, SpotifyServer

REDIRECT = "http://127.0.0.1:8000/auth/spotify/callback"
BASIC = {"Authorization": f"Basic {b64encode(b'app-id:app-secret').decode()}"}
VERIFIER = "v" * 64
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
ASKED = {
    "response_type": "code",
    "client_id": "app-id",
    "redirect_uri": REDIRECT,
    "scope": "playlist-read-private user-library-read",
    "state": "opaque",
    "code_challenge_method": "S256",
    "code_challenge": CHALLENGE,
}


@pytest.fixture
def spotify():
    with SpotifyServer() as server:
        yield server


@pytest.fixture
def http(spotify):
    with httpx.Client(base_url=spotify.origin) as client:
        yield client


def token_of(http, form, headers=BASIC):
    return http.post("/api/token", data=form, headers=headers)


def app_token(http):
    return token_of(http, {"grant_type": "client_credentials"}).json()["access_token"]


def get(http, path, token=None):
    return http.get(f"/v1{path}", headers={"Authorization": f"Bearer {token or app_token(http)}"})


def code_of(http, **changed):
    sent = http.get("/authorize", params={**ASKED, **changed}).headers["location"]
    return {name: values[0] for name, values in parse_qs(urlsplit(sent).query).items()}


def exchange(http, code, headers=BASIC, **changed):
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    return token_of(http, {**form, **changed}, headers)


def user_tokens(http):
    return exchange(http, code_of(http)["code"]).json()


# ------------------------------------------------------------------------------------ tokens


def test_an_app_gets_a_bearer_token_for_an_hour_and_no_refresh_token(http):
    told = token_of(http, {"grant_type": "client_credentials"}).json()
    assert set(told) == {"access_token", "token_type", "expires_in"}
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 3600)


@pytest.mark.parametrize(
    ("form", "headers", "error"),
    [
        ({"grant_type": "client_credentials"}, {}, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "app-id"}, {}, "invalid_client"),
        (
            {"grant_type": "client_credentials"},
            {"Authorization": f"Basic {b64encode(b'app-id:wrong').decode()}"},
            "invalid_client",
        ),
        ({"grant_type": "password"}, BASIC, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "made-up"}, BASIC, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "made-up"}, BASIC, "invalid_grant"),
    ],
)
def test_errors_of_the_token_endpoint_have_their_own_shape(http, form, headers, error):
    answer = token_of(http, form, headers)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert isinstance(answer.json()["error_description"], str)


def test_the_token_endpoint_takes_forms_only(http):
    answer = http.post("/api/token", json={"grant_type": "client_credentials"}, headers=BASIC)
    assert answer.status_code >= 400


# ----------------------------------------------------------------------------------- consent


def test_the_browser_comes_back_with_a_code_and_the_state_as_it_was(http):
    answer = http.get("/authorize", params=ASKED)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{REDIRECT}?")
    assert set(code_of(http)) == {"code", "state"}
    assert code_of(http)["state"] == "opaque"


def test_a_user_who_does_not_agree_comes_back_with_an_error(spotify, http):
    spotify.accounts.consents = False
    assert code_of(http) == {"error": "access_denied", "state": "opaque"}


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "another"},
        {"redirect_uri": "https://elsewhere.example/"},
        {"redirect_uri": f"{REDIRECT}/"},
        {"redirect_uri": "http://localhost:8000/auth/spotify/callback"},
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_registered(spotify, http, changed):
    spotify.accounts.redirect_urls.add("http://localhost:8000/auth/spotify/callback")
    assert http.get("/authorize", params={**ASKED, **changed}).status_code == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"code_challenge": f"{CHALLENGE}="},
    ],
)
def test_no_code_for_what_is_not_the_code_flow_with_s256(http, changed):
    assert set(code_of(http, **changed)) == {"error", "state"}


def test_a_code_gives_all_tokens_once(http):
    code = code_of(http)["code"]
    told = exchange(http, code).json()
    assert set(told) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert told["scope"] == ASKED["scope"]
    assert exchange(http, code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": f"{REDIRECT}?"},
        {"code_verifier": "w" * 64},
        {"code_verifier": "v" * 42},
        {"code_verifier": ""},
    ],
)
def test_a_code_works_only_for_who_asked_for_it(http, changed):
    assert exchange(http, code_of(http)["code"], **changed).json()["error"] == "invalid_grant"


def test_a_public_app_gives_its_name_in_the_form_and_has_to_prove_its_key():
    with (
        SpotifyServer(AccountsService(client_secret="")) as spotify,
        httpx.Client(base_url=spotify.origin) as http,
    ):
        named = {"client_id": "app-id"}
        assert exchange(http, code_of(http)["code"], {}, **named).status_code == 200
        assert exchange(http, code_of(http)["code"], {}).json()["error"] == "invalid_client"
        assert exchange(http, code_of(http)["code"]).json()["error"] == "invalid_client"


def test_a_refresh_rotates_the_refresh_token(http):
    first = user_tokens(http)
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = token_of(http, form).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert token_of(http, form).json()["error"] == "invalid_grant"
    assert get(http, f"/tracks/{spotify_id(1)}", second["access_token"]).status_code == 404


def test_a_refresh_without_rotation_leaves_the_refresh_token_out(spotify, http):
    spotify.accounts.rotates = False
    form = {"grant_type": "refresh_token", "refresh_token": user_tokens(http)["refresh_token"]}
    assert "refresh_token" not in token_of(http, form).json()
    assert token_of(http, form).status_code == 200


# ------------------------------------------------------------------------------- the Web API


def test_without_a_good_token_there_is_401_in_the_shape_of_the_web_api(spotify, http):
    token = app_token(http)
    assert get(http, f"/tracks/{spotify_id(1)}", "made-up").status_code == 401
    spotify.accounts.expire_tokens()
    told = get(http, f"/tracks/{spotify_id(1)}", token).json()
    assert told == {"error": {"status": 401, "message": "The access token expired"}}


def test_unknown_and_malformed_ids(http):
    answer = get(http, f"/tracks/{spotify_id(404)}")
    assert answer.status_code == 404
    assert answer.json() == {"error": {"status": 404, "message": "Resource not found"}}
    assert get(http, "/tracks/short").status_code == 400


def test_a_track_has_every_field_that_is_documented(spotify, http):
    spotify.catalogue.track(1, "Song", ("One", "Two"), isrc="GBAYE0601498")
    told = get(http, f"/tracks/{spotify_id(1)}").json()
    assert (told["id"], told["name"], told["type"]) == (spotify_id(1), "Song", "track")
    assert [one["name"] for one in told["artists"]] == ["One", "Two"]
    assert (told["duration_ms"], told["explicit"], told["is_local"]) == (222_400, False, False)
    assert told["external_ids"] == {"isrc": "GBAYE0601498"}
    assert told["external_urls"]["spotify"].endswith(f"/track/{spotify_id(1)}")
    widths = [image["width"] for image in told["album"]["images"]]
    assert told["album"]["name"] == "The Album"
    assert widths == sorted(widths, reverse=True)


def test_an_album_embeds_fifty_simplified_tracks_and_says_where_the_rest_is(spotify, http):
    album = spotify.catalogue.album(7, "Long", 60)
    told = get(http, f"/albums/{album}").json()
    first = told["tracks"]
    members = {"items", "total", "limit", "offset", "next", "previous", "href"}
    assert set(first) == members
    assert (len(first["items"]), first["total"], first["previous"]) == (50, 60, None)
    assert all("album" not in one for one in first["items"])
    assert first["next"].startswith(f"{spotify.api_url}/albums/{album}/tracks?")
    rest = get(http, first["next"].removeprefix(spotify.api_url)).json()
    assert (len(rest["items"]), rest["offset"], rest["next"]) == (10, 50, None)


def test_a_page_has_at_most_fifty(spotify, http):
    album = spotify.catalogue.album(7, "Long", 60)
    assert get(http, f"/albums/{album}/tracks?limit=51").status_code == 400
    assert len(get(http, f"/albums/{album}/tracks").json()["items"]) == 20


def test_a_playlist_of_the_old_shape_is_anybodys(spotify, http):
    held = [spotify.catalogue.track(1), None, spotify.catalogue.local_file("demo")]
    wanted = spotify.catalogue.playlist(3, "Old", held, "old")
    told = get(http, f"/playlists/{wanted}").json()
    assert (told["name"], len(told["tracks"]["items"])) == ("Old", 3)
    listed = get(http, f"/playlists/{wanted}/tracks").json()["items"]
    assert [entry["track"] and entry["track"]["id"] for entry in listed] == [
        spotify_id(1), None, None,
    ]  # fmt: skip
    assert [entry["is_local"] for entry in listed] == [False, False, True]
    assert get(http, f"/playlists/{wanted}/items").status_code == 404


def test_a_playlist_of_the_new_shape_is_its_owners(spotify, http):
    wanted = spotify.catalogue.playlist(3, "New", [spotify.catalogue.track(1)])
    told = get(http, f"/playlists/{wanted}").json()
    assert told["name"] == "New"
    assert not {"items", "tracks"} & set(told)
    assert get(http, f"/playlists/{wanted}/items").status_code == 403
    token = user_tokens(http)["access_token"]
    assert get(http, f"/playlists/{wanted}/tracks", token).status_code == 403
    told = get(http, f"/playlists/{wanted}", token).json()
    assert told["items"]["items"][0]["item"]["id"] == spotify_id(1)
    listed = get(http, f"/playlists/{wanted}/items?limit=50", token).json()
    assert listed["items"][0]["item"]["name"] == "Song"


def test_faults_come_once_and_in_order(spotify, http):
    path = f"/v1/tracks/{spotify_id(1)}"
    spotify.catalogue.track(1)
    spotify.fails(path, Fault.limited("7200", reason="QUOTA_EXCEEDED"), Fault.html(502))
    token = app_token(http)
    limited, broken, good = (get(http, f"/tracks/{spotify_id(1)}", token) for _ in range(3))
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7200")
    assert limited.json()["error"]["status"] == 429
    assert (broken.status_code, broken.headers["content-type"]) == (502, "text/html")
    assert good.status_code == 200


def test_an_embedded_page_holds_its_state_in_a_script(spotify, http):
    spotify.catalogue.track(1, "Song", ("One", "Two"))
    page = http.get(f"/embed/track/{spotify_id(1)}").text
    assert '<script id="__NEXT_DATA__" type="application/json">{"props"' in page
    assert http.get(f"/embed/track/{spotify_id(2)}").status_code == 404
