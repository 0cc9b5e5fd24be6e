"""Stories of people with accounts, in browsers and in programs that do as browsers do."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx
import pytest

from support.forge_people import HTML, PASSWORD, Person, csrf_in, post
from support.forge_service import visitor
from support.live_server import wait_until

REMEMBERED = "_sound_forge_web_user_remember_me"
SESSION = "_sound_forge_key"


@pytest.fixture
def person(service):
    person = Person(service)
    yield person
    person.close()


@pytest.fixture
def browser(service):
    with visitor(service, accept=HTML) as client:
        yield client


def is_in(client):
    """Whether whoever has these cookies is logged in."""
    return client.get("/users/settings").status_code == 200


def with_cookies(service, **cookies):
    client = visitor(service, accept=HTML)
    client.cookies.update(cookies)
    return client


def test_after_logging_in_one_comes_to_where_one_was_going(person, browser):
    assert person.browser
    sent = browser.get("/users/settings?tab=keys")
    page = browser.get(sent.headers["location"])

    assert "You must log in" in page.text
    assert person.log_in(browser).headers["location"] == "/users/settings?tab=keys"


def test_who_wants_to_be_remembered_is_for_two_weeks(person, browser, service):
    assert person.browser
    answer = person.log_in(browser, remember_me="true")
    [said] = [it for it in answer.headers.get_list("set-cookie") if it.startswith(REMEMBERED)]
    [lasts] = re.findall(r"max-age=(\d+)", said, re.IGNORECASE)

    assert int(lasts) == 14 * 24 * 3600
    with with_cookies(service, **{REMEMBERED: browser.cookies[REMEMBERED]}) as later:
        assert is_in(later)


def test_who_does_not_is_forgotten_with_the_session(person):
    assert REMEMBERED not in person.browser.cookies


def test_who_logs_out_is_out_wherever_the_session_was_copied_to(person, service):
    cookie = person.browser.cookies[SESSION]
    token = person.token
    left = person.browser.delete("/users/log-out", headers={"x-csrf-token": token})

    assert (left.status_code, left.headers["location"]) == (302, "/")
    with with_cookies(service, **{SESSION: cookie}) as copied:
        assert not is_in(copied)


def test_a_cookie_that_was_changed_is_none(person, service):
    cookie = person.browser.cookies[SESSION]
    with with_cookies(service, **{SESSION: cookie[:-4] + "AAAA"}) as changed:
        assert not is_in(changed)


def test_a_new_password_ends_all_other_sessions(person, browser):
    assert person.browser
    person.log_in(browser)
    new = "another horse battery"
    changed = post(
        browser,
        "/users/settings",
        _method="put",
        action="update_password",
        password=new,
        password_confirmation=new,
    )

    assert changed.headers["location"] == "/users/settings"
    assert is_in(browser)
    assert not is_in(person.browser)
    assert person.log_in(person.browser).status_code == 200
    assert Person(person.service, person.email, new).log_in(person.browser).status_code == 302


def test_a_key_is_shown_once_and_works_until_it_is_revoked(person):
    key = person.key
    assert person.api.get("/api/processing/models").status_code == 200

    page = person.browser.get("/users/settings")
    assert key not in page.text
    [key_id] = re.findall(r'name="user\[key_id\]"[^>]*value="([^"]+)"', page.text)
    post(person.browser, "/users/settings", _method="put", action="revoke_key", key_id=key_id)
    assert person.api.get("/api/processing/models").status_code == 401


def test_without_mail_the_link_to_log_in_is_in_the_log(person, browser, service):
    assert person.browser
    post(browser, "/users/log-in", email=person.email)
    told = service.wait_for_log(rf"{person.email}.*?(/users/log-in/[\w-]+)")
    page = browser.get(told[1])
    [token] = re.findall(r'name="user\[token\]"[^>]*value="([^"]+)"', page.text)

    answer = browser.post(
        "/users/log-in",
        data={"_csrf_token": csrf_in(page), "user[token]": token, "_action": "confirmed"},
    )
    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    assert is_in(browser)
    assert browser.get(told[1]).headers["location"] == "/users/log-in"


def test_a_program_does_the_same_in_json(service):
    who = {"user": {"email": "program@example.org", "password": PASSWORD}}
    with visitor(service, accept="application/json") as client:
        assert client.post("/users/register", json=who).status_code == 201
        token = client.post("/users/log-in", json=who).json()["data"]["csrf_token"]
        sent = {"x-csrf-token": token}
        made = client.put(
            "/users/settings",
            json={"action": "create_key", "user": {"key_name": "one"}},
            headers=sent,
        )
        assert made.status_code == 201
        key = made.json()["data"]["secret"]
        settings = client.get("/users/settings").json()["data"]
        assert settings["email"] == who["user"]["email"]
        assert [it["name"] for it in settings["api_keys"]] == ["one"]
        assert client.delete("/users/log-out", headers=sent).status_code == 200
        assert client.get("/users/settings").status_code == 401
    with visitor(service, authorization=f"Bearer {key}") as api:
        assert api.get("/api/processing/models").status_code == 200


# ----------------------------------------------------------------------------------------- spotify


def to_spotify(client):
    """Go there, agree or not, and come back; where one is sent then."""
    away = client.get("/auth/spotify").headers["location"]
    back = urlsplit(httpx.get(away, trust_env=False).headers["location"])
    return f"{back.path}?{back.query}"


def fetched(person, playlist):
    url = f"https://open.spotify.com/playlist/{playlist}"
    return person.api.post("/api/spotify/fetch", json={"url": url}).status_code


def test_a_linked_account_opens_playlists_and_an_unlinked_one_does_not(person, browser, around):
    catalogue = around.spotify.catalogue
    own = catalogue.playlist(8100, "Own", [catalogue.track(8101, "Own song")], "new", public=False)
    assert fetched(person, own) == 502

    # Spotify may send the browser to another name of this host, where there is no session
    answer = browser.get(to_spotify(person.browser))
    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    assert "Spotify account linked" in browser.get("/users/log-in").text
    assert fetched(person, own) == 200

    post(person.browser, "/users/settings", _method="put", action="unlink_spotify")
    wait_until(lambda: fetched(person, own) == 502, "the playlist to close")


def test_who_does_not_agree_is_told_so(person, around):
    around.spotify.accounts.consents = False
    answer = person.browser.get(to_spotify(person.browser))
    around.spotify.accounts.consents = True

    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    assert "denied" in person.browser.get("/users/log-in").text


def test_the_way_back_is_gone_once(person):
    back = to_spotify(person.browser)
    person.browser.get(back)
    person.browser.get("/users/log-in")
    assert person.browser.get(back).headers["location"] == "/"
    assert "Invalid OAuth state" in person.browser.get("/users/log-in").text
