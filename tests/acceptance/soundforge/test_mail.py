"""Accounts on a server that has mail: nobody is let in whose address is not known to be theirs."""

from __future__ import annotations

import re

import pytest

from support.forge_mail import MailServer
from support.forge_people import HTML, PASSWORD, csrf_in, post
from support.forge_service import NO_LIMITS, ForgeService, visitor
from support.ports import free_port


@pytest.fixture(scope="module")
def mail():
    with MailServer() as mail:
        yield mail


@pytest.fixture(scope="module")
def mailing(tmp_path_factory, mail):
    port = free_port()
    settings = {
        **NO_LIMITS,
        "STEMWRIGHT_PORT": str(port),
        "STEMWRIGHT_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "STEMWRIGHT_MAIL_URL": mail.url,
        "STEMWRIGHT_MAIL_FROM": "stems@example.org",
    }
    folder = tmp_path_factory.mktemp("mailing")
    with ForgeService(folder, settings, command=("serve", "--no-worker"), port=port) as service:
        yield service


@pytest.fixture
def browser(mailing):
    with visitor(mailing, accept=HTML) as client:
        yield client


def follow(client, path):
    """Open a link of a message and press the button on its page."""
    page = client.get(path)
    [token] = re.findall(r'name="user\[token\]"[^>]*value="([^"]+)"', page.text)
    sent = {"_csrf_token": csrf_in(page), "user[token]": token, "_action": "confirmed"}
    return client.post("/users/log-in", data=sent)


def test_who_registers_is_sent_a_link_and_not_logged_in(browser, mail):
    answer = post(browser, "/users/register", email="ann@example.org")
    assert (answer.status_code, answer.headers["location"]) == (302, "/users/log-in")
    assert "An email was sent to ann@example.org" in browser.get("/users/log-in").text
    assert browser.get("/users/settings").status_code == 302

    confirmed = follow(browser, mail.link_to("ann@example.org"))
    assert (confirmed.status_code, confirmed.headers["location"]) == (302, "/users/settings")
    assert browser.get("/users/settings").status_code == 200


def test_a_link_lets_in_once_and_for_a_quarter_of_an_hour(browser, mail, mailing):
    post(browser, "/users/register", email="bea@example.org")
    follow(browser, mail.link_to("bea@example.org"))
    with visitor(mailing, accept=HTML) as other:
        post(other, "/users/log-in", email="bea@example.org")
        link = mail.link_to("bea@example.org")
        assert follow(other, link).headers["location"] == "/"
        assert other.get(link).headers["location"] == "/users/log-in"

        post(other, "/users/log-in", email="bea@example.org")
        late = mail.link_to("bea@example.org")
        mailing.advance(16 * 60)
        assert other.get(late).headers["location"] == "/users/log-in"
        assert "invalid or it has expired" in other.get("/users/log-in").text


def test_who_is_not_known_is_told_the_same_and_sent_nothing(browser, mail):
    answer = post(browser, "/users/log-in", email="nobody@example.org")
    assert (answer.status_code, answer.headers["location"]) == (302, "/users/log-in")
    assert "If your email is in our system" in browser.get("/users/log-in").text
    assert mail.is_silent()


def test_a_password_alone_is_not_enough_before_the_address_is_confirmed(browser, mail):
    post(browser, "/users/register", email="cat@example.org", password=PASSWORD)
    refused = post(browser, "/users/log-in", email="cat@example.org", password=PASSWORD)

    assert refused.status_code == 200
    assert browser.get("/users/settings").status_code == 302
    assert mail.link_to("cat@example.org").startswith("/users/log-in/")


def test_a_new_address_counts_once_it_is_confirmed(browser, mail):
    post(browser, "/users/register", email="dan@example.org")
    follow(browser, mail.link_to("dan@example.org"))
    change = {"_method": "put", "action": "update_email", "email": "daniel@example.org"}
    asked = post(browser, "/users/settings", **change)
    assert asked.headers["location"] == "/users/settings"
    assert "dan@example.org" in browser.get("/users/settings").text

    link = mail.link_to("daniel@example.org")
    assert link.startswith("/users/settings/confirm-email/")
    assert browser.get(link).headers["location"] == "/users/settings"
    assert "daniel@example.org" in browser.get("/users/settings").text
    browser.get(link)
    assert "invalid or it has expired" in browser.get("/users/settings").text
