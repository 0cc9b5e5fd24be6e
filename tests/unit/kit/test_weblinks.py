"""Pasted addresses are read in one way, or not at all."""

import pytest

from stemwright.kit.weblinks import WebLink, shown, trimmed, web_link

PAGE = WebLink("site.example", ("a", "b"), "c=d")


@pytest.mark.parametrize(
    "text",
    [
        "https://site.example/a/b?c=d",
        "HTTP://Site.Example./a/b/?c=d#e",
        "//site.example:443/a/b?c=d",
        "site.example/a/b?c=d",
    ],
)
def test_an_address_is_its_host_folders_and_query(text):
    assert web_link(text) == PAGE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "ftp://site.example/a",
        "https://me:pw@site.example/a",
        "https://site.example:8443/a",
        "http://site.example:443/a",
        "https://site.example:x/a",
        "https://[::1/a",
        "https://site.example\\@other.example/a",
        "https://site.example/a b",
        "https://site.\texample/a",
        "https://site.example/<a>",
        f"https://site.example/{'a' * 2048}",
    ],
)
def test_what_could_be_read_otherwise_is_no_address(text):
    assert web_link(text) is None


def test_what_comes_along_with_a_copied_address_is_taken_off():
    assert trimmed(" <https://site.example/> \n") == "https://site.example/"


def test_what_is_shown_is_short_and_without_secrets():
    assert shown("https://site.example/a?token=secret") == "https://site.example/a"
    assert shown("https://me:secret@site.example/") == "The link"
    assert len(shown("x" * 1000)) == 201
