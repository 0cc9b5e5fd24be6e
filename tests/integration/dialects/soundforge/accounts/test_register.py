import pytest

from stemwright.errors import UnknownUser
from support.browsers import PASSWORD, AccountBench

NEW = "grace@example.org"


def register(browser, email=NEW, password=PASSWORD):
    return browser.submit("/users/register", email=email, password=password)


def test_without_mail_a_password_opens_an_account_at_once(bench, browser):
    answer = register(browser)
    assert (answer.status_code, answer.headers["location"]) == (302, "/users/log-in")
    assert bench.accounts.find_user(NEW).email_verified_at == bench.clock.now


def test_whoever_registered_is_not_logged_in_and_can_log_in(browser):
    register(browser)
    assert "Account created. You can log in now." in browser.get("/users/log-in").text
    assert browser.get("/whose").status_code == 401
    assert browser.log_in(NEW).headers["location"] == "/"


@pytest.mark.parametrize(
    ("email", "message"),
    [
        ("", "can&#39;t be blank"),
        ("ada", "must have the @ sign and no spaces"),
        ("a b@example.org", "must have the @ sign and no spaces"),
        ("a,b@example.org", "must have the @ sign and no spaces"),
        ("a;b@example.org", "must have the @ sign and no spaces"),
        ("a@b@example.org", "must have the @ sign and no spaces"),
        (f"{'a' * 160}@b", "should be at most 160 character(s)"),
    ],
)
def test_what_is_no_address_is_shown_with_the_reason(browser, email, message):
    answer = register(browser, email)
    assert answer.status_code == 200
    assert f"Email: {message}" in answer.text


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("", "can&#39;t be blank"),
        ("eleven char", "should be at least 12 character(s)"),
        ("x" * 73, "should be at most 72 character(s)"),
        ("ö" * 37, "should be at most 72 character(s)"),
    ],
)
def test_so_is_a_password_that_is_too_short_or_too_long(bench, browser, password, message):
    answer = register(browser, password=password)
    assert f"Password: {message}" in answer.text
    with pytest.raises(UnknownUser):
        bench.accounts.find_user(NEW)


def test_without_mail_an_address_that_has_an_account_is_told(bench, browser):
    bench.user(NEW)
    assert "Email: has already been taken" in register(browser, NEW.upper()).text


def test_the_account_of_the_operator_cannot_be_registered(browser):
    assert "has already been taken" in register(browser, "local@localhost").text


def test_with_mail_an_account_is_confirmed_by_the_link_sent_to_it(mailing):
    browser = mailing.browser()
    assert register(browser, password="").headers["location"] == "/users/log-in"
    message = mailing.post.next()
    assert message.to == NEW
    assert mailing.accounts.find_user(NEW).email_verified_at is None
    answer = browser.submit(
        "/users/log-in", on=message.link, token=message.link[14:], _action="confirmed"
    )
    assert answer.headers["location"] == "/"
    assert mailing.accounts.find_user(NEW).email_verified_at is not None


def test_with_mail_nothing_tells_whether_an_address_has_an_account(mailing):
    mailing.user("ada@example.org")
    free, taken = mailing.browser(), mailing.browser()
    answers = register(free, NEW), register(taken, "ada@example.org")
    assert {answer.status_code for answer in answers} == {302}
    pages = [
        browser.get("/users/log-in").text.replace(email, "EMAIL")
        for browser, email in [(free, NEW), (taken, "ada@example.org")]
    ]
    assert "An email was sent to EMAIL" in pages[0]
    assert _without_tokens(pages[0]) == _without_tokens(pages[1])
    assert {mailing.post.next().to, mailing.post.next().to} == {NEW, "ada@example.org"}


def test_with_mail_a_password_does_not_open_an_account_that_is_not_confirmed(mailing):
    browser = mailing.browser()
    register(browser)
    mailing.drain()
    assert "Confirm the e-mail address" in browser.log_in(NEW).text


def test_a_password_somebody_else_chose_is_void_once_the_owner_confirms(mailing):
    register(mailing.browser())  # somebody, with an address that is not his
    owner, message = mailing.browser(), mailing.post.next()
    assert "Without it that password is removed" in owner.get(message.link).text
    owner.submit("/users/log-in", on=message.link, token=message.link[14:])
    assert owner.get("/whose").status_code == 200
    assert not mailing.accounts.find_user(NEW).has_password


def test_the_password_stays_if_whoever_confirms_knows_it(mailing):
    browser = mailing.browser()
    register(browser)
    link = mailing.post.next().link
    wrong = browser.submit("/users/log-in", on=link, token=link[14:], password="not the one I had")
    assert "That is not the password of this account." in wrong.text
    browser.submit("/users/log-in", on=link, token=link[14:], password=PASSWORD)
    assert mailing.accounts.find_user(NEW).has_password


def test_an_operator_can_close_registration(tmp_path):
    with AccountBench(tmp_path, is_open=False) as bench:
        browser = bench.browser()
        assert "user[email]" not in browser.get("/users/register").text
        assert register(browser).headers["location"] == "/users/log-in"
        assert "opened by the operator" in browser.get("/users/log-in").text


def test_whoever_is_logged_in_is_sent_away(bench, browser):
    bench.user()
    browser.log_in()
    assert browser.get("/users/register").headers["location"] == "/"


def test_a_program_registers_with_json(bench):
    browser = bench.browser(accept="application/json")
    said = {"user": {"email": NEW, "password": PASSWORD}}
    answer = browser.client.post("/users/register", json=said)
    assert answer.status_code == 201
    assert answer.json()["data"]["email"] == NEW
    again = browser.client.post("/users/register", json=said)
    assert again.status_code == 422
    assert again.json() == {
        "error": "Validation failed",
        "code": "VALIDATION_ERROR",
        "details": {"email": ["has already been taken"]},
    }


def _without_tokens(text):
    return [line for line in text.splitlines() if "csrf" not in line]
