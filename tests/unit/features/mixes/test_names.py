"""What files and stems are called."""

import pytest

from stemwright.features.mixes.names import StemNames, base_name


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("bass.wav", "bass"),
        ("Lead Vocal.v2.flac", "Lead Vocal.v2"),
        ("C:\\Music\\drums.wav", "drums"),
        ("../../etc/other.wav", "other"),
        ("noending", "noending"),
    ],
)
def test_a_file_is_called_without_folders_and_ending(file_name, name):
    assert base_name(file_name) == name


def test_accents_and_case_are_one_however_they_are_written():
    assert StemNames({"Gesang Ä": ()}).find("gesang a\u0308") == "Gesang Ä"
