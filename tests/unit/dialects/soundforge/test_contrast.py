"""Colours of the pages that stand on each other can be told apart, by day and by night."""

import re
from importlib.resources import files

import pytest

STYLE = files("stemwright.dialects.soundforge").joinpath("assets/pages.css").read_text("utf-8")
PAIRS = [
    ("ink", "paper", 7.0),
    ("soft", "paper", 4.5),
    ("act", "paper", 4.5),
    ("on-act", "act", 4.5),
    ("wrong", "paper", 4.5),
    ("wrong", "wrong-paper", 4.5),
    ("well", "well-paper", 4.5),
    ("line", "paper", 3.0),  # edges of fields
]


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_text_can_be_read(scheme, front, back, least):
    block = re.findall(r":root \{([^}]*)\}", STYLE)[scheme]
    colours = dict(re.findall(r"--([a-z-]+): #([0-9a-f]{6})", block))
    darker, lighter = sorted((luminance(colours[front]), luminance(colours[back])))
    assert (lighter + 0.05) / (darker + 0.05) >= least
