import re

import pytest

from support.browsers import PASSWORD, Page, csrf_of


@pytest.fixture(autouse=True)
def ada(bench, browser):
    user = bench.user()
    browser.log_in()
    return user


def shown(browser):
    """What the next page says first."""
    page = Page(browser.get("/users/settings").text)
    return [element.text for element in page.all("p") if element["role"]]


def test_settings_need_a_session(bench):
    answer = bench.browser().get("/users/settings")
    assert (answer.status_code, answer.headers["location"]) == (302, "/users/log-in")


def test_settings_need_a_recent_log_in(bench, browser):
    bench.clock.pass_by(minutes=9, seconds=59)
    assert browser.get("/users/settings").status_code == 200
    bench.clock.pass_by(seconds=1)
    assert browser.get("/users/settings").headers["location"] == "/users/log-in"
    assert "You must re-authenticate to access this page." in browser.get("/users/log-in").text
    assert browser.get("/whose").status_code == 200
    assert browser.log_in().headers["location"] == "/users/settings"
    assert browser.get("/users/settings").status_code == 200


def test_a_form_that_was_loaded_in_time_is_refused_when_sent_too_late(bench, browser, ada):
    page = browser.get("/users/settings")
    token = csrf_of(page)
    bench.clock.pass_by(minutes=10)
    sent = browser.send("/users/settings", token, _method="put", action="create_key", key_name="x")
    assert sent.headers["location"] == "/users/log-in"
    assert bench.accounts.list_keys(ada.id) == []


def test_without_mail_the_address_changes_at_once(bench, browser, ada):
    answer = browser.change("update_email", email="lovelace@example.org")
    assert (answer.status_code, answer.headers["location"]) == (302, "/users/settings")
    assert bench.accounts.find_user(ada.id).email == "lovelace@example.org"


@pytest.mark.parametrize(
    ("email", "message"),
    [
        ("ADA@example.org", "did not change"),
        ("ada", "must have the @ sign and no spaces"),
        ("", "can&#39;t be blank"),
        ("grace@example.org", "has already been taken"),
    ],
)
def test_an_address_that_cannot_be_taken_is_shown_with_the_reason(bench, browser, email, message):
    bench.user("grace@example.org")
    answer = browser.change("update_email", email=email)
    assert answer.status_code == 200
    assert f"Email: {message}" in answer.text


def test_a_new_password_ends_all_other_sessions_and_keeps_this_one(bench, browser):
    elsewhere = bench.browser()
    elsewhere.log_in(remember_me="true")
    before = browser.cookie("_sound_forge_key")
    new = "another long password"
    answer = browser.change("update_password", password=new, password_confirmation=new)
    assert answer.headers["location"] == "/users/settings"
    assert len(bench.ended) == 2
    assert "Password updated successfully." in shown(browser)
    assert elsewhere.get("/whose").status_code == 401
    assert bench.browser(cookie=f"_sound_forge_key={before}").get("/whose").status_code == 401
    assert "Invalid email or password" in bench.browser().log_in(password=PASSWORD).text
    assert bench.browser().log_in(password=new).status_code == 302


def test_a_password_set_by_the_operator_ends_all_sessions(bench, browser, ada):
    bench.accounts.set_password(ada.id, "another long password")
    assert browser.get("/whose").status_code == 401


@pytest.mark.parametrize(
    ("password", "again", "message"),
    [
        ("another long password", "another one", "does not match password"),
        ("short", "short", "should be at least 12 character(s)"),
        ("", "", "can&#39;t be blank"),
    ],
)
def test_a_password_that_cannot_be_taken_is_not(browser, password, again, message):
    answer = browser.change("update_password", password=password, password_confirmation=again)
    assert answer.status_code == 200
    assert message in answer.text
    assert f'value="{password}"' not in answer.text or not password


def test_a_key_is_shown_once_and_works(bench, browser, ada):
    page = browser.change("create_key", key_name="My script")
    secret = re.search(r"sk_live_[\w-]{43}", page.text)[0]
    assert page.headers["cache-control"] == "no-store"
    assert bench.accounts.authenticate(f"Bearer {secret}").owner == ada.id
    later = browser.get("/users/settings").text
    assert secret not in later
    assert "My script" in later


def test_a_revoked_key_is_refused_and_gone_from_the_list(bench, browser, ada):
    key, _ = bench.accounts.create_key(ada.id, "My script")
    assert browser.change("revoke_key", key_id=key.id).status_code == 302
    assert "My script" not in browser.get("/users/settings").text
    assert bench.accounts.list_keys(ada.id)[0].revoked_at is not None


def test_nobody_revokes_the_key_of_another(bench, browser):
    other = bench.user("grace@example.org")
    key, secret = bench.accounts.create_key(other.id, "hers")
    for text in (key.id, key.prefix, secret):
        assert "there is no such key" in browser.change("revoke_key", key_id=text).text
    assert bench.accounts.list_keys(other.id)[0].revoked_at is None


def test_a_licence_key_is_kept_and_never_shown(bench, browser, ada):
    assert browser.change("update_lalalai_key", lalalai_key="abc123def").status_code == 302
    assert bench.licences.resolve(ada.id).value == "abc123def"
    assert "abc123def" not in browser.get("/users/settings").text
    browser.change("remove_lalalai_key")
    assert not bench.licences.has_own(ada.id)


def test_what_is_no_licence_key_is_told_and_not_repeated(browser):
    answer = browser.change("update_lalalai_key", lalalai_key="two words")
    assert "That is no licence key" in answer.text


def test_spotify_is_linked_and_unlinked(bench, browser, ada):
    begun = browser.get("/auth/spotify")
    assert begun.headers["location"].startswith("https://accounts.spotify.com/authorize")
    back = browser.get("/auth/spotify/callback", params={"state": ada.id, "code": "c"})
    assert back.headers["location"] == "/"
    assert "Linked since" in browser.get("/users/settings").text
    browser.change("unlink_spotify")
    assert bench.spotify.linked == {}


def test_an_unknown_action_changes_nothing(browser):
    answer = browser.change("<script>")
    assert answer.status_code == 200
    assert "Action: is not one of" in answer.text


def test_a_program_reads_and_changes_them_in_json(bench, ada):
    browser = bench.browser(accept="application/json")
    said = {"user": {"email": "ada@example.org", "password": PASSWORD}}
    token = browser.client.post("/users/log-in", json=said).json()["data"]["csrf_token"]
    assert browser.get("/users/settings").json()["data"]["email"] == "ada@example.org"
    headers = {"x-csrf-token": token}
    order = {"action": "create_key", "user": {"key_name": "a program"}}
    made = browser.client.put("/users/settings", json=order, headers=headers)
    assert made.status_code == 201
    assert bench.accounts.authenticate(f"Bearer {made.json()['data']['secret']}").owner == ada.id
    wrong = {"action": "update_password", "user": {"password": "short"}}
    refused = browser.client.put("/users/settings", json=wrong, headers=headers)
    assert refused.status_code == 422
    assert set(refused.json()["details"]) == {"password", "password_confirmation"}
    bench.clock.pass_by(minutes=10)
    assert browser.get("/users/settings").status_code == 401
