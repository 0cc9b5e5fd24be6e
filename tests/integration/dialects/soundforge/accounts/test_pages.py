"""Every page: valid, usable with a keyboard and a screen reader, and safe to show."""

import pytest

from stemwright.dialects.soundforge.pages import problem
from support.browsers import Page, csrf_of

ADA = "ada@example.org"
EVIL = "\"'><script>alert(1)</script>{{7*7}}@x"


@pytest.fixture
def pages(mailing):
    """All pages, by what they are."""
    user = mailing.user()
    mailing.accounts.create_key(user.id, "a <b>script</b>")
    browser, stranger = mailing.browser(), mailing.browser()
    mailing.accounts.create_user("grace@example.org", password="x" * 12)
    mailing.links.request_log_in("grace@example.org")
    link = mailing.post.next().link
    found = {
        "register": stranger.get("/users/register"),
        "register, wrong": stranger.submit("/users/register", email="no", password="short"),
        "log in": stranger.get("/users/log-in"),
        "log in, password first": stranger.get("/users/log-in?mode=password"),
        "log in, wrong": stranger.log_in(password="not the password"),
        "link": stranger.get(link),
        "refused": stranger.client.post("/users/log-in", data={}),
    }
    browser.log_in()
    found["settings"] = browser.get("/users/settings")
    found["settings, wrong"] = browser.change("update_email", email="no")
    found["settings, new key"] = browser.change("create_key", key_name="another")
    found["log in again"] = browser.get("/users/log-in")
    return found


def test_pages_are_well_formed_and_usable(pages):
    for name, answer in pages.items():
        page = Page(answer.text)
        _outline_is_sound(page, name)
        _every_control_is_named(page, name)
        _descriptions_exist(page, name)
        _nothing_is_inline(page, name)


def test_every_form_brings_the_token(pages):
    for name, answer in pages.items():
        page = Page(answer.text)
        tokens = [it["value"] for it in page.all("input") if it["name"] == "_csrf_token"]
        assert len(tokens) == len(page.all("form")), name
        assert set(tokens) <= {csrf_of(answer)}
        assert {form["method"] for form in page.all("form")} <= {"post"}


def test_a_wrong_field_says_so_to_everybody(pages):
    page = Page(pages["register, wrong"].text)
    wrong = [it for it in page.all("input") if it["aria-invalid"] == "true"]
    texts = {it["id"]: it for it in page.elements if it["id"]}
    assert [it["name"] for it in wrong] == ["user[email]"]
    told = texts[wrong[0]["aria-describedby"]]
    assert told["role"] == "alert"
    assert "must have the @ sign" in told.text


def test_pages_carry_the_headers_that_keep_them_safe(pages):
    for answer in pages.values():
        headers = answer.headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert {"default-src 'self'", "object-src 'none'", "base-uri 'self'"} <= set(
            policy.split("; ")
        )
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-xss-protection"] == "1; mode=block"
        assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
        assert "camera=()" in headers["permissions-policy"]
        assert headers["cache-control"] == "no-store"


def test_redirects_and_json_carry_them_too(bench, browser):
    program = bench.browser(accept="application/json")
    for answer in (browser.get("/users/settings"), program.get("/users/settings")):
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"


def test_a_problem_outside_of_any_session_has_a_page_too():
    answer = problem("Not Found", "<There> is nothing here.", 404)
    page = Page(answer.body.decode())
    _outline_is_sound(page, "problem")
    assert answer.status_code == 404
    assert "&lt;There&gt;" in answer.body.decode()


def test_the_style_sheet_is_there(browser):
    answer = browser.get("/assets/pages.css")
    assert answer.headers["content-type"].startswith("text/css")
    assert ":focus-visible" in answer.text


@pytest.mark.parametrize("field", ["email", "password", "token"])
@pytest.mark.parametrize("path", ["/users/register", "/users/log-in"])
def test_nothing_typed_becomes_markup(browser, path, field):
    fields = {"email": ADA, "password": "x" * 12, field: EVIL}
    answer = browser.submit(path, **fields)
    assert "<script" not in answer.text
    assert "49" not in answer.text
    assert "<script" not in browser.get("/users/log-in").text


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ("update_email", "email"),
        ("update_password", "password"),
        ("create_key", "key_name"),
        ("revoke_key", "key_id"),
        ("update_lalalai_key", "lalalai_key"),
        (EVIL, "email"),
    ],
)
def test_nor_in_the_settings(bench, browser, action, field):
    bench.user()
    browser.log_in()
    answer = browser.change(action, **{field: EVIL})
    assert "<script" not in answer.text
    assert "<script" not in browser.get("/users/settings").text


def test_an_address_that_is_markup_is_shown_as_text(bench, browser):
    email = "<img/src=x>@example.org"
    bench.user(email)
    browser.log_in(email)
    page = browser.get("/users/settings").text
    assert "<img" not in page
    assert "&lt;img/src=x&gt;" in page


def _outline_is_sound(page, name):
    assert page.all("html")[0]["lang"] == "en", name
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1, name
    assert page.all("title")[0].text.strip() != "· stemwright", name
    assert {"header", "nav"} <= {it.tag for it in page.elements}, name
    first = page.all("a")[0]
    assert (first["class"], first["href"]) == ("skip", "#main"), name
    assert page.all("main")[0]["id"] == "main", name


def _every_control_is_named(page, name):
    labels = {it["for"]: it.text.strip() for it in page.all("label")}
    for control in page.all("input"):
        if control["type"] != "hidden":
            assert labels.get(control["id"]), (name, control.attributes)
            assert "form" in control.parents, (name, control.attributes)
    for control in page.all("button", "a"):
        assert control["aria-label"] or control.text.strip(), (name, control.attributes)
    for control in page.elements:
        assert control["tabindex"] in {None, "-1"}, (name, control.attributes)


def _descriptions_exist(page, name):
    ids = {it["id"] for it in page.elements}
    for element in page.elements:
        for attribute in ("aria-describedby", "aria-labelledby", "for"):
            named = (element[attribute] or "").split()
            assert set(named) <= ids, (name, element.attributes)


def _nothing_is_inline(page, name):
    assert page.all("script", "style") == [], name
    for element in page.elements:
        wrong = [it for it in element.attributes if it.startswith("on") or it == "style"]
        assert wrong == [], (name, element.attributes)
