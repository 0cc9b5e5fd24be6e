"""Who may open a socket."""

import base64

import pytest

from stemwright.web.phoenix_door import Door, NotAdmitted, Origins, token_of

KEYS = {"good": "ann"}


def scope(query="", **headers):
    lines = {"host": "forge.example:8000", **headers}
    return {
        "type": "websocket",
        "path": "/socket/websocket",
        "scheme": "ws",
        "client": ("192.0.2.7", 1234),
        "query_string": query.encode(),
        "headers": [(it.replace("_", "-").encode(), text.encode()) for it, text in lines.items()],
    }


def door(**options):
    return Door(KEYS.get, **options)


def protocols(token):
    return f"phoenix, base64url.bearer.phx.{token}"


@pytest.mark.parametrize("alphabet", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("token", ["good", "goo", "go", "\N{SNOWMAN}?>~~~"])
def test_a_token_comes_as_subprotocol_in_either_alphabet_without_padding(alphabet, token):
    encoded = alphabet(token.encode()).decode().rstrip("=")

    assert token_of(scope(sec_websocket_protocol=protocols(encoded))) == token


def test_the_parameter_counts_before_the_subprotocol_and_that_before_the_header():
    encoded = protocols("Z29vZA")
    everything = {"authorization": "Bearer third", "sec_websocket_protocol": encoded}

    assert token_of(scope("token=first&vsn=2.0.0", **everything)) == "first"
    assert token_of(scope("token=", **everything)) == "good"
    assert token_of(scope(authorization="Bearer third")) == "third"
    assert token_of(scope(sec_websocket_protocol="phoenix")) is None


@pytest.mark.parametrize(
    "presented",
    [
        {"query": "token=bad"},
        {"authorization": "Bearer bad"},
        {"sec_websocket_protocol": protocols("!!!")},
        {"sec_websocket_protocol": protocols("/w")},
        {},
    ],
)
def test_a_bad_token_or_none_is_not_admitted(presented):
    with pytest.raises(NotAdmitted):
        door().admit(scope(**presented))


def test_a_bad_token_is_not_made_good_by_a_session():
    with pytest.raises(NotAdmitted):
        door(by_session=lambda _: "ann", allow_anonymous=True).admit(scope("token=bad"))


def test_a_session_serves_without_a_token():
    assert door(by_session=lambda _: "ann").admit(scope()) == "ann"


def test_nobody_is_let_in_where_the_operator_wants_it():
    assert door(allow_anonymous=True).admit(scope()) is None


@pytest.mark.parametrize(
    ("origin", "admitted"),
    [
        ("http://forge.example:8000", True),
        ("https://forge.example:8000", True),
        ("https://FORGE.example:8000", True),
        ("https://forge.example", False),
        ("https://evil.example", False),
        ("https://forge.example:8000.evil.example", False),
        ("null", False),
        ("", False),
        ("https://app.example", True),
        ("https://app.example:444", True),
        ("http://whole.example", False),
        ("https://whole.example", True),
        ("https://a.wild.example", True),
        ("https://wild.example", False),
        ("http://[::1", False),
    ],
)
def test_a_page_has_to_be_our_own_or_a_listed_one(origin, admitted):
    origins = Origins(["app.example", "https://whole.example", "*.wild.example"])

    assert origins.admit(scope(origin=origin), by_token=True) == admitted


def test_a_token_makes_the_page_not_matter_if_the_operator_wants_it():
    origins = Origins(any_with_token=True)
    page = {"origin": "https://evil.example"}
    opened = door(origins=origins, by_session=lambda _: "ann")

    assert opened.admit(scope("token=good", **page)) == "ann"
    with pytest.raises(NotAdmitted):
        opened.admit(scope(**page))


def try_in_vain(opened, *tokens):
    for token in tokens:
        with pytest.raises(NotAdmitted):
            opened.admit(scope(f"token={token}"))


def test_an_address_that_fails_too_often_is_not_looked_up():
    asked = []
    opened = Door(asked.append, failures_a_minute=3)
    try_in_vain(opened, "a", "b", "c", "d", "e")

    assert asked == ["a", "b", "c"]


def test_a_client_that_sends_a_dead_token_for_ever_keeps_nobody_out():
    asked = []
    opened = Door(lambda token: asked.append(token) or KEYS.get(token), failures_a_minute=4)
    try_in_vain(opened, *["dead"] * 20)

    assert opened.admit(scope("token=good")) == "ann"
    assert asked.count("dead") == 3
