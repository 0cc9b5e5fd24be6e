"""What a song's file is, and what it is called."""

import pytest

from stemwright.errors import InvalidQuality
from stemwright.features.downloads.quality import KINDS, library_path, parse_quality

TRACK = "6f0e0000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("artist", "title", "name"),
    [
        ("The Band", "Song", "The_Band-Song.mp3"),
        (None, "Song", "Song.mp3"),
        ("", "", "track.mp3"),
        ("AC/DC", "../../etc/passwd", "AC_DC-etc_passwd.mp3"),
        ("Sigur Rós", "Ágætis byrjun", "Sigur_Rós-Ágætis_byrjun.mp3"),
        ("椎名林檎", "丸の内サディスティック", "椎名林檎-丸の内サディスティック.mp3"),
        ("a\0b", "c\nd%2f\\e?#", "a_b-c_d_2f_e.mp3"),
        ("?", "...", "track.mp3"),
    ],
)
def test_a_name_can_be_read_and_be_part_of_an_address_as_it_is(artist, title, name):
    assert library_path(TRACK, artist, title, ".mp3") == f"downloads/{TRACK}/{name}"


@pytest.mark.parametrize("letter", ["x", "ß", "猫", "🎸", "é"])
def test_a_name_has_at_most_two_hundred_bytes(letter):
    name = library_path(TRACK, letter * 500, letter * 500, ".flac").rpartition("/")[2]

    assert len(name.encode()) <= 200
    assert name.endswith(".flac")


def test_there_are_four_qualities():
    told = {name: (kind.format, kind.bitrate_kbps) for name, kind in KINDS.items()}
    assert told == {
        "lossless": ("flac", None),
        "high": ("mp3", 320),
        "medium": ("mp3", 192),
        "low": ("mp3", 128),
    }
    with pytest.raises(InvalidQuality):
        parse_quality("ultra")
