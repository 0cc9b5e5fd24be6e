"""Who changes something in a session has to bring the token of that session."""

import pytest

from support.browsers import PASSWORD, csrf_of

FORMS = [
    ("POST", "/users/register", {}),
    ("POST", "/users/log-in", {}),
    ("DELETE", "/users/log-out", {}),
    ("POST", "/users/log-out", {"_method": "delete"}),
    ("PUT", "/users/settings", {"action": "unlink_spotify"}),
    ("POST", "/users/settings", {"_method": "put", "action": "unlink_spotify"}),
    ("POST", "/whose", {}),
]


@pytest.fixture(autouse=True)
def _logged_in(bench, browser):
    bench.user()
    browser.log_in()


@pytest.mark.parametrize(("method", "path", "form"), FORMS)
@pytest.mark.parametrize("token", [None, "", "x", "ä", "x" * 43, "another session's"])
def test_without_the_token_nothing_is_done(bench, browser, method, path, form, token):
    if token == "another session's":
        token = csrf_of(bench.browser().get("/users/log-in"))
    fields = form if token is None else {**form, "_csrf_token": token}
    answer = browser.client.request(method, path, data=fields)
    assert answer.status_code == 403
    assert browser.get("/whose").status_code == 200


@pytest.mark.parametrize(("method", "path", "form"), FORMS)
def test_with_it_in_a_header_it_is(browser, method, path, form):
    token = csrf_of(browser.get("/users/settings"))
    answer = browser.client.request(method, path, data=form, headers={"x-csrf-token": token})
    assert answer.status_code in {200, 302}


def test_a_form_may_be_multipart(browser):
    token = csrf_of(browser.get("/users/settings"))
    fields = {"_csrf_token": (None, token), "_method": (None, "delete")}
    assert browser.client.post("/users/log-out", files=fields).status_code == 302
    assert browser.get("/whose").status_code == 401


def test_the_token_in_the_address_counts_for_nothing(browser):
    token = csrf_of(browser.get("/users/settings"))
    path = f"/users/log-out?_csrf_token={token}"
    assert browser.client.delete(path).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_on_another_site_is_refused_whatever_it_brings(browser, site):
    token = csrf_of(browser.get("/users/settings"))
    headers = {"x-csrf-token": token, "sec-fetch-site": site}
    assert browser.client.delete("/users/log-out", headers=headers).status_code == 403


def test_the_token_of_the_time_before_the_log_in_is_void(bench):
    browser = bench.browser()
    before = csrf_of(browser.get("/users/log-in"))
    fields = {"email": "ada@example.org", "password": PASSWORD}
    assert browser.send("/users/log-in", before, **fields).status_code == 302
    assert browser.send("/users/log-out", before, _method="delete").status_code == 403


def test_a_method_is_overridden_by_a_post_alone(browser):
    assert browser.get("/users/log-out?_method=delete").status_code == 405
    assert browser.get("/whose").status_code == 200


def test_without_a_session_json_needs_no_token_and_a_form_does(bench):
    stranger = bench.browser()
    said = {"user": {"email": "ada@example.org", "password": PASSWORD}}
    form = {"user[email]": "ada@example.org", "user[password]": PASSWORD}
    assert stranger.client.post("/users/log-in", data=form).status_code == 403
    as_text = {"content-type": "text/plain"}  # what other sites can have a browser send
    text = '{"user": {"email": "ada@example.org"}}'
    assert stranger.client.post("/users/log-in", content=text, headers=as_text).status_code == 403
    assert stranger.client.post("/users/log-in", json=said).status_code == 302


def test_programs_read_of_it_in_json(browser):
    headers = {"accept": "application/json"}
    answer = browser.client.delete("/users/log-out", headers=headers)
    assert answer.status_code == 403
    assert (answer.json()["error"], answer.json()["code"]) == ("Forbidden", "invalid_csrf_token")
