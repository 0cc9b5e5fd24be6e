"""A service with low limits, on which neither Spotify nor lalal.ai is set up."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from support.forge_people import HTML, Person, post
from support.forge_service import ForgeService, visitor
from support.live_server import wait_until

API, HEAVY, BROWSER = 6, 3, 40
MODELS, DOWNLOAD = "/api/processing/models", "/api/download/track"
NAMES = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    limits = {
        "STEMWRIGHT_RATE_LIMIT_PER_MINUTE": str(API),
        "STEMWRIGHT_RATE_LIMIT_HEAVY_PER_MINUTE": str(HEAVY),
        "STEMWRIGHT_RATE_LIMIT_BROWSER_PER_MINUTE": str(BROWSER),
    }
    folder = tmp_path_factory.mktemp("strict")
    with ForgeService(folder, limits, command=("serve", "--no-worker")) as service:
        yield service


@pytest.fixture
def person(strict):
    person = Person(strict)
    yield person
    person.close()


def spend(ask, times):
    """Ask so often; each answer says what is left."""
    for number in range(times):
        answer = ask()
        assert answer.status_code != 429
        assert int(answer.headers["x-ratelimit-limit"]) == times
        assert int(answer.headers["x-ratelimit-remaining"]) == times - number - 1
    return answer


def assert_refused(answer, limit):
    wait_s = int(answer.headers["retry-after"])
    assert answer.status_code == 429
    assert answer.json() == {
        "error": "Too Many Requests",
        "code": "RATE_LIMITED",
        "message": "Rate limit exceeded. Try again later.",
        "retry_after": wait_s,
    }
    assert answer.headers["x-ratelimit-limit"] == str(limit)
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert 1 <= wait_s <= 60


def asking(client, path=MODELS):
    return lambda: client.get(path)


def ordering(client):
    return lambda: client.post(DOWNLOAD, json={})


def test_ordinary_calls_are_counted_for_each_key(person, strict):
    other = Person(strict)
    ask = asking(person.api)
    spend(ask, API)

    assert_refused(ask(), API)
    assert other.api.get(MODELS).status_code == 200
    other.close()


def test_heavy_calls_are_counted_apart(person):
    order, ask = ordering(person.api), asking(person.api)
    spend(order, HEAVY)
    assert_refused(order(), HEAVY)
    spend(ask, API)
    assert_refused(ask(), API)


def test_after_a_minute_all_of_it_is_to_be_had_again(person, strict):
    order = ordering(person.api)
    spend(order, HEAVY)
    for _ in range(5):  # what is refused is not counted
        assert order().status_code == 429
    strict.advance(61)
    spend(order, HEAVY)


def test_the_time_of_the_next_call_is_told(person):
    answer = spend(ordering(person.api), HEAVY)
    refused = ordering(person.api)()
    resets = [int(it.headers["x-ratelimit-reset"]) for it in (answer, refused)]

    assert resets[0] == resets[1]
    assert set(refused.headers) >= NAMES


def test_calls_without_a_key_are_counted_for_their_address(strict):
    with visitor(strict) as here, visitor(strict) as there:
        spend(asking(here), API)
        assert_refused(here.get(MODELS), API)
        assert there.get(MODELS).status_code == 401


def test_who_tries_keys_is_counted_for_their_address(strict):
    with visitor(strict) as client:
        for number in range(API):
            tried = {"authorization": f"Bearer sk_live_{number:040}"}
            assert client.get(MODELS, headers=tried).status_code == 401
        tried = {"authorization": f"Bearer sk_live_{99:040}"}
        assert client.get(MODELS, headers=tried).status_code == 429


def test_pages_have_a_limit_of_their_own(strict):
    with visitor(strict, accept=HTML) as client:
        spend(asking(client, "/users/log-in"), BROWSER)
        refused = client.get("/users/log-in")
        assert refused.status_code == 429
        assert refused.headers["content-type"].startswith("text/html")
        assert client.get(MODELS, headers={"accept": "*/*"}).status_code == 401


def test_an_address_that_nobody_vouches_for_is_not_believed(strict):
    """The first entry is what a client may have written itself; the proxy adds the last one."""
    with visitor(strict) as client:
        for number in range(API):
            said = {"x-forwarded-for": f"203.0.113.{number}, 198.51.100.7"}
            assert client.get(MODELS, headers=said).status_code == 401
        said = {"x-forwarded-for": "203.0.113.99, 198.51.100.7"}
        assert client.get(MODELS, headers=said).status_code == 429


def test_health_is_not_counted(strict):
    with visitor(strict) as client:
        answers = [client.get("/health") for _ in range(BROWSER + API)]
    assert {answer.status_code for answer in answers} == {200}
    assert not NAMES & set(answers[-1].headers)


def test_health_says_what_is_broken(strict):
    with closing(sqlite3.connect(next(strict.data_dir.glob("*.sqlite3")))) as database:
        database.execute("ALTER TABLE jobs RENAME TO lost")
        try:
            wait_until(lambda: health(strict).status_code == 503, "it to be noticed")
            told = health(strict).json()
        finally:
            database.execute("ALTER TABLE lost RENAME TO jobs")

    assert told["status"] == "degraded"
    found = {name: check["status"] for name, check in told["checks"].items()}
    assert found == {"database": "ok", "queue": "error", "storage": "ok", "storage_stats": "ok"}
    wait_until(lambda: health(strict).json()["status"] == "ok", "all to be well again")


def health(service):
    with visitor(service) as client:
        return client.get("/health")


# ---------------------------------------------------------------------------------- not configured


@pytest.mark.parametrize("path", ["/api/spotify/fetch", DOWNLOAD])
def test_without_credentials_spotify_is_said_not_to_be_configured(person, path):
    url = "https://open.spotify.com/track/3n3Ppam7vgaVa1iaRUc9Lp"
    answer = person.api.post(path, json={"url": url})

    assert (answer.status_code, answer.json()["code"]) == (503, "unauthorized")
    assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize("path", ["/api/spotify/fetch", DOWNLOAD])
def test_a_link_that_is_none_is_said_to_be_so_first(person, path):
    answer = person.api.post(path, json={"url": "https://open.spotify.com/artist/1"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_url")


def test_without_a_key_there_are_no_minutes(person):
    answer = person.browser.get("/api/lalalai/quota")

    assert answer.status_code == 503
    assert answer.json()["error"] == "lalal.ai API key not configured"
    assert answer.json()["code"] == "service_unavailable"


def test_without_an_app_there_is_nothing_to_link_with(person):
    answer = person.browser.get("/auth/spotify")

    assert answer.status_code == 302
    assert answer.headers["location"].endswith("/settings")
    assert "Spotify" in person.browser.get("/users/log-in").text


def test_a_key_of_ones_own_is_enough(person):
    """It is kept sealed, and never shown again."""
    licence = "own-licence-000000000000000042"
    page = post(
        person.browser,
        "/users/settings",
        _method="put",
        action="update_lalalai_key",
        lalalai_key=licence,
    )
    assert page.status_code == 302
    assert licence not in person.browser.get("/users/settings").text
    kept = [path for path in person.service.data_dir.iterdir() if path.is_file()]
    assert kept
    assert not [path for path in kept if licence.encode() in path.read_bytes()]


# ------------------------------------------------------------------------------------------- time


def test_settings_are_for_who_logged_in_within_ten_minutes(person, strict):
    assert person.browser.get("/users/settings").status_code == 200
    strict.advance(11 * 60)
    away = person.browser.get("/users/settings")

    assert (away.status_code, away.headers["location"]) == (302, "/users/log-in")
    assert person.browser.get("/users/register").headers["location"] == "/"  # still logged in
    assert person.log_in(person.browser).headers["location"] == "/users/settings"
    assert person.browser.get("/users/settings").status_code == 200


def test_a_session_lasts_two_weeks(person, strict):
    assert person.browser.get("/users/register").status_code == 302
    strict.advance(13 * 24 * 3600)
    assert person.browser.get("/users/register").status_code == 302
    strict.advance(15 * 24 * 3600)
    assert person.browser.get("/users/register").status_code == 200
