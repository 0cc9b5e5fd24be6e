import pytest

from support.browsers import PASSWORD, csrf_of


@pytest.fixture(autouse=True)
def _ada(bench):
    bench.user()


def test_an_address_and_its_password_log_in(bench, browser):
    answer = browser.log_in("ADA@example.org")
    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    assert browser.get("/whose").text == bench.accounts.find_user("ada@example.org").id


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@example.org", "not the password"),
        ("ada@example.org", ""),
        ("nobody@example.org", PASSWORD),
        ("local@localhost", PASSWORD),
        ("", ""),
        ("\x00", PASSWORD),
    ],
)
def test_every_refusal_reads_the_same(browser, email, password):
    answer = browser.log_in(email, password)
    assert answer.status_code == 200
    assert "Invalid email or password" in answer.text
    assert browser.get("/whose").status_code == 401


def test_an_id_is_no_address(bench, browser):
    user = bench.accounts.find_user("ada@example.org")
    assert "Invalid email or password" in browser.log_in(user.id).text


def test_a_suspended_account_is_told_so_after_its_password(bench, browser):
    bench.accounts.suspend("ada@example.org")
    assert "This account is suspended" in browser.log_in().text
    assert "Invalid email or password" in browser.log_in(password="not the password").text


def test_suspending_an_account_ends_what_its_browsers_may_do(bench, browser):
    browser.log_in()
    bench.accounts.suspend("ada@example.org")
    assert browser.get("/whose").status_code == 401


def test_logging_out_ends_the_session_for_whoever_has_its_cookie(bench, browser):
    browser.log_in()
    stolen = browser.cookie("_sound_forge_key")
    answer = browser.submit("/users/log-out", on="/users/settings", _method="delete")
    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    assert len(bench.ended) == 1
    thief = bench.browser(cookie=f"_sound_forge_key={stolen}")
    assert thief.get("/whose").status_code == 401


def test_logging_out_works_without_a_session(browser):
    answer = browser.client.request("DELETE", "/users/log-out")
    assert (answer.status_code, answer.headers["location"]) == (302, "/")


def test_a_browser_goes_where_it_was_going(browser):
    assert browser.get("/users/settings?a=1").headers["location"] == "/users/log-in"
    assert "You must log in to access this page." in browser.get("/users/log-in").text
    assert browser.log_in().headers["location"] == "/users/settings?a=1"
    assert browser.log_in().headers["location"] == "/"


@pytest.mark.parametrize("path", ["/export/stem/1", "/files/a.mp3?b=c", "/"])
def test_a_link_to_the_log_in_page_may_say_where_to_go_next(browser, path):
    page = browser.get("/users/log-in", params={"return_to": path})
    fields = {"email": "ada@example.org", "password": PASSWORD}
    assert browser.send("/users/log-in", csrf_of(page), **fields).headers["location"] == path


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
        " //evil.example",
        "///evil.example",
        "",
    ],
)
def test_but_not_to_another_site(browser, path):
    page = browser.get("/users/log-in", params={"return_to": path})
    fields = {"email": "ada@example.org", "password": PASSWORD}
    assert browser.send("/users/log-in", csrf_of(page), **fields).headers["location"] == "/"


def test_guessing_at_one_account_is_slowed_down_for_the_guesser_alone(bench, browser):
    for _ in range(5):
        assert browser.log_in(password="not the password").status_code == 200
    refused = browser.log_in()
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert browser.log_in("nobody@example.org").status_code == 200  # another account
    bench.clock.pass_by(seconds=61)
    assert browser.log_in().status_code == 302


def test_unknown_accounts_are_slowed_down_alike(browser):
    statuses = [browser.log_in("nobody@example.org").status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]


def test_guessing_at_many_accounts_is_slowed_down(browser):
    answers = [browser.log_in(f"user{n}@example.org").status_code for n in range(21)]
    assert answers == [200] * 20 + [429]


def test_the_other_spelling_leads_here(browser):
    answer = browser.client.post("/users/log_in?mode=password")
    assert (answer.status_code, answer.headers["location"]) == (308, "/users/log-in?mode=password")
    assert browser.get("/users/log_in/abc").headers["location"] == "/users/log-in/abc"


def test_a_program_logs_in_with_json(bench):
    browser = bench.browser(accept="application/json")
    said = {"user": {"email": "ada@example.org", "password": PASSWORD}}
    answer = browser.client.post("/users/log-in", json=said)
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["user"]["email"] == "ada@example.org"
    posted = browser.client.post("/whose", headers={"x-csrf-token": data["csrf_token"]})
    assert posted.status_code == 200


def test_a_program_is_refused_in_json(bench):
    browser = bench.browser(accept="application/json")
    said = {"user": {"email": "ada@example.org", "password": "not the password"}}
    answer = browser.client.post("/users/log-in", json=said)
    assert (answer.status_code, answer.json()["error"]) == (401, "Invalid email or password")
    unparsable = browser.client.post(
        "/users/log-in", content=b"{", headers={"content-type": "application/json"}
    )
    assert (unparsable.status_code, unparsable.json()["code"]) == (400, "invalid_json")
    assert browser.get("/users/settings").json()["code"] == "unauthorized"
