from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwright.storage.disposition import attachment


def test_without_a_name_it_is_still_to_be_saved():
    assert attachment(None) == "attachment"


def test_a_plain_name_stands_as_it_is():
    assert attachment("song (live).mp3") == 'attachment; filename="song (live).mp3"'


def test_a_name_beyond_ascii_comes_twice():
    assert attachment("Été €.mp3") == (
        "attachment; filename=\"Ete _.mp3\"; filename*=UTF-8''%C3%89t%C3%A9%20%E2%82%AC.mp3"
    )


@pytest.mark.parametrize("name", ['a"b.mp3', "a\r\nX: y.mp3", "../a.mp3", "a\\b.mp3", "a%41.mp3"])
def test_what_would_end_the_header_or_leave_the_folder_is_replaced(name):
    header = attachment(name)
    assert not set("\r\n/\\%") & set(header)
    assert header.count('"') == 2


@given(st.text(min_size=1))
def test_any_name_makes_one_latin_header_that_is_understood(name):
    header = attachment(name)
    assert header.isascii()
    assert header.isprintable()
    message = Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    assert message.get_filename() is not None
