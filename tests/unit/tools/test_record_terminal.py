"""The recorder understands what a progress bar sends to a terminal."""

import sys
from xml.etree import ElementTree as ET

import pytest

from record_terminal import Screen, draw, played, record


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("one\r\ntwo", "one\ntwo"),
        ("50 %\r100 %", "100 %"),
        ("long line\rnew\x1b[K", "new"),
        ("a\r\nb\r\x1b[1A\x1b[2Kc", "c\nb"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("abcdef", "abcd\nef"),
        ("\x1b[?25lx", "x"),
    ],
)
def test_a_screen_shows_what_a_terminal_of_four_columns_or_more_would(output, shown):
    screen = Screen(width=4 if output == "abcdef" else 80)
    screen.feed(output)
    assert screen.text() == shown


def test_a_recorded_command_believes_it_talks_to_a_person():
    code = "import sys; print(sys.stdout.isatty(), 'äöü')"
    *_, (_, last) = record([sys.executable, "-c", code], width=40, height=5)
    assert last == "True äöü"


def test_a_command_that_fails_is_not_drawn():
    with pytest.raises(SystemExit, match="status 3"):
        list(record([sys.executable, "-c", "print(); raise SystemExit(3)"], width=40, height=5))


def test_screens_that_flash_by_are_dropped_and_waits_are_cut():
    screens = [(0.0, "a"), (0.1, "b"), (1.0, "c"), (9.0, "d")]
    assert played(screens, frame_s=0.5, longest_s=2.0) == [(1.0, "b"), (2.0, "c"), (0.0, "d")]


def test_the_picture_is_well_formed_and_says_what_the_screen_said():
    picture = draw([(1.0, "<50 %>"), (0.0, "\x1b[1;32mdone & well\x1b[0m")], "stemwright", width=40)
    text = "".join(ET.fromstring(picture).itertext())  # noqa: S314 - our own output
    assert "<50 %>" in text
    assert "done & well" in text
