"""Paths that lead out of their folder, in every spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwright.errors import PathRefused
from stemwright.features.exports.paths import checked_path


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "stems/../../secret",
        "stems/..",
        "stems/./a.wav",
        "/etc/passwd",
        "stems//a.wav",
        "",
        "stems/",
        "..\\secret",
        "stems\\..\\..\\secret",
        "%2e%2e/secret",
        "..%2fsecret",
        "%252e%252e%252fsecret",
        "..%5csecret",
        "stems/a.wav\0.mp3",
        "stems/a%00.wav",
        "stems/\ufffd\ufffd/a",
        "\uff0e\uff0e/secret",
        "..\uff0fsecret",
        "stems/a\n.wav",
        "%25" * 3 + "25252525" * 40 + "2e",
    ],
)
def test_it_is_refused(path):
    with pytest.raises(PathRefused):
        checked_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "stems/0e/vocals.wav",
        "downloads/0e/Björk-It's Oh So Quiet.mp3",
        "downloads/0e/100%.mp3",
        "downloads/0e/...And Justice.mp3",
        "downloads/0e/What..mp3",
    ],
)
def test_a_path_of_ours_stays_as_it_is(path):
    assert checked_path(path) == path


@given(st.lists(st.sampled_from(["..", "%2e", "%2E.", "/", "%2f", "\\", "%25", "a", "."])))
def test_what_passes_has_no_part_that_means_the_folder_above(parts):
    from urllib.parse import unquote

    path = "".join(parts)
    try:
        checked = checked_path(path)
    except PathRefused:
        return
    for _ in range(9):
        assert ".." not in checked.replace("\\", "/").split("/")
        checked = unquote(checked)
