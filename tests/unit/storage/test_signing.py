from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwright.errors import LinkExpired, LinkInvalid, StorageError
from stemwright.storage.signing import Grant, UrlSigner

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=15)
SIGNER = UrlSigner(b"thirty-two bytes or more, for tests")
GRANT = Grant("jobs/job_1/1/vocals.mp3", "GET", LATER, "Ein schöner Tag.mp3", "audio/mpeg")


def _parts(url):
    split = urlsplit(url)
    return split.path.removeprefix("/blobs/"), dict(parse_qsl(split.query))


def test_an_address_says_what_it_was_made_for():
    key, query = _parts(SIGNER.url("https://host/music/", GRANT).replace("/music", ""))
    assert SIGNER.opened("GET", key, query, NOW) == GRANT


def test_an_address_stands_under_the_base_and_ends_as_the_key_does():
    url = urlsplit(SIGNER.url("https://host/music/", GRANT))
    assert (url.netloc, url.path) == ("host", "/music/blobs/jobs/job_1/1/vocals.mp3")


def test_an_address_works_until_its_last_second_and_not_longer():
    key, query = _parts(SIGNER.url("https://host", GRANT))
    SIGNER.opened("GET", key, query, LATER - timedelta(milliseconds=1))
    with pytest.raises(LinkExpired, match="until 2030-01-01 00:15:00 UTC"):
        SIGNER.opened("GET", key, query, LATER)


def test_another_secret_opens_nothing():
    key, query = _parts(SIGNER.url("https://host", GRANT))
    with pytest.raises(LinkInvalid):
        UrlSigner(b"another secret of thirty-two bytes").opened("GET", key, query, NOW)


def test_what_is_no_key_is_not_signed():
    with pytest.raises(StorageError):
        SIGNER.url("https://host", Grant("../etc/passwd", "GET", LATER))


@given(st.sampled_from(["method", "key", "expires", "name", "type", "signature"]), st.data())
def test_any_change_is_refused(part, data):
    key, query = _parts(SIGNER.url("https://host", GRANT))
    method = "GET"
    texts = st.text(st.characters(codec="utf-8"), max_size=60)
    if part == "method":
        method = "PUT"
    elif part == "key":
        key = data.draw(texts.filter(lambda text: text != key))
    else:
        query[part] = data.draw(texts.filter(lambda text: text != query[part]))
    with pytest.raises(LinkInvalid):
        SIGNER.opened(method, key, query, NOW)


@given(st.integers(0, 42), st.integers(1, 127))
def test_no_character_of_the_signature_may_differ(place, change):
    key, query = _parts(SIGNER.url("https://host", GRANT))
    signature = query["signature"]
    other = chr((ord(signature[place]) + change) % 128)
    query["signature"] = signature[:place] + other + signature[place + 1 :]
    with pytest.raises(LinkInvalid):
        SIGNER.opened("GET", key, query, NOW)


@pytest.mark.parametrize("dropped", ["expires", "name", "type", "signature"])
def test_nothing_may_be_left_out(dropped):
    key, query = _parts(SIGNER.url("https://host", GRANT))
    del query[dropped]
    with pytest.raises(LinkInvalid):
        SIGNER.opened("GET", key, query, NOW)


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_nothing_may_be_added(name, value):
    key, query = _parts(SIGNER.url("https://host", GRANT))
    if name not in query:
        with pytest.raises(LinkInvalid):
            SIGNER.opened("GET", key, query | {name: value}, NOW)
