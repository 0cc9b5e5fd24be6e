import pytest

from support.browsers import csrf_of


@pytest.fixture(autouse=True)
def _ada(mailing):
    mailing.user()


def ask(browser, email="ada@example.org"):
    return browser.submit("/users/log-in", email=email)


def follow(browser, link, **fields):
    return browser.submit("/users/log-in", on=link, token=link.rpartition("/")[2], **fields)


def test_a_link_sent_by_mail_logs_in(mailing):
    browser = mailing.browser()
    assert ask(browser).headers["location"] == "/users/log-in"
    assert follow(browser, mailing.post.next().link).headers["location"] == "/"
    assert browser.get("/whose").status_code == 200


def test_looking_at_a_link_does_not_use_it_up(mailing):
    ask(mailing.browser())
    link = mailing.post.next().link
    for _ in range(2):
        assert "Welcome, ada@example.org" in mailing.browser().get(link).text
    assert mailing.browser().get("/whose").status_code == 401


def test_a_link_works_once(mailing):
    browser = mailing.browser()
    ask(browser)
    link = mailing.post.next().link
    page = browser.get(link)
    assert follow(browser, link).status_code == 302
    again = mailing.browser()
    answer = again.send("/users/log-in", csrf_of(again.get("/users/log-in")), token=link[14:])
    assert page.status_code == 200
    assert answer.headers["location"] == "/users/log-in"
    assert "The link is invalid or it has expired." in again.get("/users/log-in").text
    assert again.get("/whose").status_code == 401


def test_a_link_works_for_a_quarter_of_an_hour(mailing):
    browser = mailing.browser()
    ask(browser)
    link = mailing.post.next().link
    mailing.clock.pass_by(minutes=15)
    assert browser.get(link).headers["location"] == "/users/log-in"


def test_an_unknown_address_is_answered_alike_and_gets_nothing(mailing):
    pages = []
    for email in ("nobody@example.org", "not an address", "local@localhost"):
        browser = mailing.browser()
        assert ask(browser, email).headers["location"] == "/users/log-in"
        pages.append(browser.get("/users/log-in").text)
    mailing.drain()
    assert mailing.post.sent.empty()
    assert all("If your email is in our system" in page for page in pages)


def test_nobody_is_sent_links_without_end(mailing):
    for _ in range(8):
        mailing.links.request_log_in("ada@example.org")
    mailing.drain()
    assert mailing.post.sent.qsize() == 5


def test_but_a_while_later_again(mailing):
    for _ in range(8):
        mailing.links.request_log_in("ada@example.org")
    mailing.drain()
    mailing.clock.pass_by(minutes=15)
    mailing.links.request_log_in("ada@example.org")
    mailing.drain()
    assert mailing.post.sent.qsize() == 6


def test_a_link_is_void_when_the_address_has_changed(mailing):
    ask(mailing.browser())
    link = mailing.post.next().link
    mailing.accounts.change_email("ada@example.org", "lovelace@example.org")
    assert mailing.browser().get(link).headers["location"] == "/users/log-in"


def test_a_link_is_void_when_the_password_has_changed(mailing):
    ask(mailing.browser())
    link = mailing.post.next().link
    mailing.accounts.set_password("ada@example.org", "another long password")
    assert mailing.browser().get(link).headers["location"] == "/users/log-in"


def test_the_request_has_no_say_in_where_a_link_leads(mailing):
    browser = mailing.browser(host="evil.example")
    ask(browser)
    assert mailing.post.next().link.startswith("/users/log-in/")


def test_without_mail_the_link_goes_to_the_log_and_the_answer_is_the_same(bench, browser):
    bench.user("grace@example.org")
    assert ask(browser, "grace@example.org").headers["location"] == "/users/log-in"
    assert "If your email is in our system" in browser.get("/users/log-in").text
    assert bench.post.next().link.startswith("/users/log-in/")


def test_another_address_is_used_once_its_link_was_opened(mailing):
    browser = mailing.browser()
    browser.log_in()
    browser.change("update_email", email="lovelace@example.org")
    message = mailing.post.next()
    assert message.to == "lovelace@example.org"
    assert mailing.browser().get(message.link).headers["location"] == "/users/log-in"
    assert browser.get(message.link).headers["location"] == "/users/settings"
    assert "Email changed successfully." in browser.get("/users/settings").text
    assert mailing.accounts.find_user("lovelace@example.org").email_verified_at is not None


def test_the_link_for_another_address_opens_in_no_other_account(mailing):
    browser, other = mailing.browser(), mailing.browser()
    mailing.user("grace@example.org")
    browser.log_in()
    other.log_in("grace@example.org")
    browser.change("update_email", email="lovelace@example.org")
    link = mailing.post.next().link
    assert other.get(link).headers["location"] == "/users/settings"
    assert "invalid or it has expired" in other.get("/users/settings").text
    assert browser.get(link).status_code == 302
    assert mailing.accounts.find_user("lovelace@example.org").email == "lovelace@example.org"


def test_changing_to_a_taken_address_reads_the_same_and_sends_nothing(mailing):
    mailing.user("grace@example.org")
    browser = mailing.browser()
    browser.log_in()
    browser.change("update_email", email="grace@example.org")
    assert "A link to confirm your email change" in browser.get("/users/settings").text
    mailing.drain()
    assert mailing.post.sent.empty()
