"""Titles as names of files."""

import pytest

from stemwright.features.exports.naming import clean_title


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Song", "Song"),
        ("AC/DC: Back\\in 'Black'?", "ACDC Backin Black"),
        ("Für Elise (Remix) [2020]", "Für Elise Remix 2020"),
        ("東京 \u2013 ナイト", "東京  ナイト"),
        ("हिन्दी", "हिन्दी"),
        ("Fu\u0308r", "Für"),
        ("a\tb\nc", "a b c"),
        ("../../etc/passwd", "....etcpasswd"),
        ("♥", "track"),
        ("", "track"),
        ("x" * 300, "x" * 100),
        ("y" * 99 + " tail", "y" * 99),
    ],
)
def test_a_title_keeps_its_words(title, name):
    assert clean_title(title) == name
