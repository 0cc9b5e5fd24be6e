"""One key, three spellings."""

import pytest

from stemwright.analysis.harmony.key import ALL_KEYS, Key


@pytest.mark.parametrize(
    ("key", "name", "short", "camelot", "sharps"),
    [
        (Key(9, "minor"), "A minor", "Am", "8A", 0),
        (Key(0, "major"), "C major", "C", "8B", 0),
        (Key(6, "minor"), "F# minor", "F#m", "11A", 3),
        (Key(1, "major"), "C# major", "C#", "3B", -5),
        (Key(5, "major"), "F major", "F", "7B", -1),
        (Key(8, "minor"), "G# minor", "G#m", "1A", 5),
    ],
)
def test_a_key_is_spelt_as_each_reader_expects(key, name, short, camelot, sharps):
    assert (key.name, key.short, key.camelot, key.sharps) == (name, short, camelot, sharps)


def test_every_key_has_a_place_and_a_camelot_code_of_its_own():
    assert [key.index for key in ALL_KEYS] == list(range(24))
    assert len({key.camelot for key in ALL_KEYS}) == 24


def test_relative_keys_share_an_hour_of_the_wheel():
    for tonic in range(12):
        minor = Key((tonic + 9) % 12, "minor")
        assert Key(tonic, "major").camelot[:-1] == minor.camelot[:-1]
