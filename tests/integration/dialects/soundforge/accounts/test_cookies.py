"""What a browser carries: renewed at every log-in, signed, and of limited life."""

from ipaddress import ip_network

import pytest

from stemwright.web.cookies import REMEMBERED, SESSION, Carried, Cookies
from support.browsers import PASSWORD, SECRET, AccountBench, csrf_of


@pytest.fixture(autouse=True)
def _ada(bench):
    bench.user()


def set_cookies(answer):
    return {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}


def test_a_session_somebody_planted_is_not_the_one_that_logs_in(bench):
    attacker, victim = bench.browser(), bench.browser()
    page = attacker.get("/users/log-in")
    planted = attacker.cookie(SESSION)
    victim.client.cookies.set(SESSION, planted)
    fields = {"email": "ada@example.org", "password": PASSWORD}
    assert victim.send("/users/log-in", csrf_of(page), **fields).status_code == 302
    assert attacker.get("/whose").status_code == 401
    assert bench.browser(cookie=f"{SESSION}={planted}").get("/whose").status_code == 401


def test_logging_in_again_makes_a_new_token_and_ends_the_old_session(bench, browser):
    browser.log_in()
    old = browser.cookie(SESSION)
    browser.log_in()
    assert len(bench.ended) == 1
    assert bench.browser(cookie=f"{SESSION}={old}").get("/whose").status_code == 401


@pytest.mark.parametrize("place", [0, 5, 20, -40, -1])
def test_a_cookie_with_another_letter_is_none(bench, browser, place):
    browser.log_in()
    cookie = browser.cookie(SESSION)
    other = "A" if cookie[place] not in "AB" else "Z"
    changed = cookie[:place] + other + (cookie[place + 1 :] if place != -1 else "")
    if place == -1:  # the last letter of base64 holds bits that count for nothing
        changed = cookie[:-1]
    assert bench.browser(cookie=f"{SESSION}={changed}").get("/whose").status_code == 401


@pytest.mark.parametrize("text", ["", "x", "a.b", "." * 50, "x" * 5000, '"quoted"'])
def test_what_is_no_cookie_of_ours_is_none(bench, text):
    stranger = bench.browser(cookie=f"{SESSION}={text}; {REMEMBERED}={text}")
    assert stranger.get("/whose").status_code == 401
    assert stranger.get("/users/log-in").status_code == 200


def test_a_cookie_signed_with_another_secret_is_none(bench, browser):
    browser.log_in()
    ours = Cookies(SECRET)._session.loads(browser.cookie(SESSION))
    forged = Cookies(b"another secret of enough letters")._session.dumps(ours)
    assert bench.browser(cookie=f"{SESSION}={forged}").get("/whose").status_code == 401


def test_one_cookie_is_not_taken_for_the_other(bench, browser):
    browser.log_in(remember_me="true")
    session, remembered = browser.cookie(SESSION), browser.cookie(REMEMBERED)
    swapped = bench.browser(cookie=f"{SESSION}={remembered}; {REMEMBERED}={session}")
    assert swapped.get("/whose").status_code == 401


def test_scripts_and_other_sites_do_not_get_them(browser):
    answer = browser.log_in(remember_me="true")
    for name, line in set_cookies(answer).items():
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(line.split("; ")), name
        assert "Secure" not in line
        assert "Domain" not in line


def test_under_https_they_travel_under_it_alone(tmp_path):
    with AccountBench(tmp_path, proxies=(ip_network("127.0.0.1"),)) as bench:
        answer = bench.browser(**{"x-forwarded-proto": "https"}).get("/users/log-in")
        assert "Secure" in set_cookies(answer)[SESSION]


def test_a_browser_is_forgotten_when_closed_unless_it_is_to_be_remembered(bench):
    forgetful, lasting = bench.browser(), bench.browser()
    assert REMEMBERED not in set_cookies(forgetful.log_in())
    assert "Max-Age=1209600" in set_cookies(lasting.log_in(remember_me="true"))[REMEMBERED]
    for browser, status in [(forgetful, 401), (lasting, 200)]:
        browser.client.cookies.delete(SESSION)
        assert browser.get("/whose").status_code == status


def test_a_remembered_browser_has_to_log_in_again_for_settings(bench, browser):
    browser.log_in(remember_me="true")
    browser.client.cookies.delete(SESSION)
    bench.clock.pass_by(minutes=11)
    assert browser.get("/users/settings").headers["location"] == "/users/log-in"


def test_logging_out_forgets_a_remembered_browser(browser):
    browser.log_in(remember_me="true")
    answer = browser.submit("/users/log-out", on="/users/settings", _method="delete")
    assert "Max-Age=0" in set_cookies(answer)[REMEMBERED]


def test_a_session_ends_after_two_weeks(bench, browser):
    browser.log_in(remember_me="true")
    bench.clock.pass_by(days=14, seconds=-1)
    assert browser.get("/whose").status_code == 200
    bench.clock.pass_by(seconds=1)
    assert browser.get("/whose").status_code == 401


def test_a_token_a_week_old_is_replaced_on_the_next_page(bench, browser):
    browser.log_in(remember_me="true")
    old = browser.cookie(SESSION)
    bench.clock.pass_by(days=7)
    answer = browser.get("/users/log-in")
    assert set(set_cookies(answer)) == {SESSION, REMEMBERED}
    assert bench.browser(cookie=f"{SESSION}={old}").get("/whose").status_code == 200
    bench.clock.pass_by(minutes=1)  # for what was under way
    assert bench.browser(cookie=f"{SESSION}={old}").get("/whose").status_code == 401
    bench.clock.pass_by(days=13)
    assert browser.get("/whose").status_code == 200
    assert bench.ended == []


def test_the_largest_cookie_fits_into_a_browser(bench, browser):
    from starlette.requests import Request
    from starlette.responses import Response

    carried = Carried(token="x" * 43, return_to="/" + "ö" * 1023)
    for number in range(9):
        carried.say("info", f"{number}" * 160)
    answer = Response()
    request = Request({"type": "http", "headers": [], "path": "/", "scheme": "http"})
    Cookies(SECRET).write(request, answer, carried)
    assert len(answer.headers["set-cookie"]) < 4096
