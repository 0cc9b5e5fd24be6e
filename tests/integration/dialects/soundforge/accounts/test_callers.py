"""Routes besides the pages: a key, a session, or either."""

import pytest

from support.browsers import csrf_of

OK, REFUSED, FORBIDDEN = 200, 401, 403


@pytest.fixture(autouse=True)
def ada(bench):
    return bench.user()


@pytest.fixture
def key(bench, ada):
    return bench.accounts.create_key(ada.id, "a key")[1]


@pytest.fixture
def send(bench, browser, key):
    """Send a request with a key (good, bad, none), a session or none, a token or none."""

    def send(path, method, sent_key=None, *, session=False, token=False):
        headers = {"authorization": f"Bearer {key if sent_key == 'good' else 'sk_live_x'}"}
        if sent_key is None:
            headers = {}
        if session:
            browser.log_in()
        if token:
            headers["x-csrf-token"] = csrf_of(browser.get("/users/log-in"))
        return browser.client.request(method, path, headers=headers).status_code

    return send


@pytest.mark.parametrize(
    ("path", "method", "sent_key", "session", "token", "status"),
    [
        ("/whose", "GET", None, False, False, REFUSED),
        ("/whose", "GET", "good", False, False, REFUSED),
        ("/whose", "GET", None, True, False, OK),
        ("/whose", "POST", None, True, False, FORBIDDEN),
        ("/whose", "POST", "good", True, False, FORBIDDEN),
        ("/whose", "POST", None, True, True, OK),
        ("/whose", "POST", None, False, True, REFUSED),
        ("/whose/key", "GET", None, True, False, REFUSED),
        ("/whose/key", "GET", "bad", True, True, REFUSED),
        ("/whose/key", "POST", "good", False, False, OK),
        ("/whose/either", "GET", None, True, False, OK),
        ("/whose/either", "POST", None, True, False, FORBIDDEN),
        ("/whose/either", "POST", None, True, True, OK),
        ("/whose/either", "POST", "good", False, False, OK),
        ("/whose/either", "POST", "good", True, False, OK),
        ("/whose/either", "GET", "bad", True, True, REFUSED),
    ],
)
def test_who_is_let_in(send, path, method, sent_key, session, token, status):
    assert send(path, method, sent_key, session=session, token=token) == status


def test_a_browser_is_sent_to_log_in_and_comes_back(browser):
    answer = browser.get("/whose/html?a=b")
    assert (answer.status_code, answer.headers["location"]) == (302, "/users/log-in")
    assert "Log in first" in browser.get("/users/log-in").text
    assert browser.log_in().headers["location"] == "/whose/html?a=b"


@pytest.mark.parametrize(
    "body", ["{", "[]", '"x"', "1", "[" * 100_000, '{"user": {"email": "\\ud800"}}', "\x00"]
)
def test_what_is_no_object_of_texts_is_no_json(bench, body):
    headers = {"content-type": "application/json"}
    for browser in (bench.browser(), bench.browser(accept="application/json")):
        answer = browser.client.post("/users/log-in", content=body, headers=headers)
        assert answer.status_code == 400
        assert "Invalid JSON" in answer.text


def test_numbers_are_no_texts(bench):
    program = bench.browser(accept="application/json")
    said = {"user": {"email": 5, "password": ["x"]}, "x": None}
    answer = program.client.post("/users/register", json=said)
    assert answer.json()["details"] == {"email": ["can't be blank"]}
