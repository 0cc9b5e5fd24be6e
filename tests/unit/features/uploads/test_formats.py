import pytest

from stemwright.features.uploads.formats import bare_name, extension_of, shortened


@pytest.mark.parametrize(
    ("name", "bare"),
    [("/home/me/a.mp3", "a.mp3"), ("C:\\a b.mp3", "a b.mp3"), (" a.mp3\n", "a.mp3"), ("a/", "")],
)
def test_folders_and_what_no_name_contains_go(name, bare):
    assert bare_name(name) == bare


@pytest.mark.parametrize("name", ["a.mp3", "a.MP3", "a.tar.Mp3"])
def test_the_extension_is_the_last_in_lower_case(name):
    assert extension_of(name) == "mp3"


def test_a_name_is_cut_before_its_extension():
    assert shortened("x" * 300 + ".flac") == "x" * 250 + ".flac"
    assert shortened("a.flac") == "a.flac"
