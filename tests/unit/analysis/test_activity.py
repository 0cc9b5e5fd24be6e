import numpy as np
import pytest

from stemwright.analysis.activity import stem_activity
from stemwright.analysis.loudness import measure

POWER = 10 ** (-20 / 10)
"""About -20 LUFS."""


def steps(*parts):
    """(tenths of a second, power against the mixture's in dB), one after the other."""
    tenths = np.concatenate([np.full(n, POWER * 10 ** (db / 10)) for n, db in parts])
    return measure(np.repeat(tenths, 10))


def test_a_stem_of_bleed_is_empty_and_says_how_much():
    activity = stem_activity(steps((600, -35.0)), steps((600, 0.0)))
    assert activity.empty
    assert activity.bleed_db == pytest.approx(-35, abs=0.1)


def test_a_stem_that_plays_for_a_while_is_not_empty():
    activity = stem_activity(steps((500, -40.0), (100, -3.0)), steps((600, 0.0)))
    assert not activity.empty
    assert activity.active_s == pytest.approx(10, abs=0.5)
    assert activity.bleed_db == pytest.approx(-40, abs=1)


def test_a_stem_that_always_plays_has_no_bleed():
    assert stem_activity(steps((100, -1.0)), steps((100, 0.0))).bleed_db is None


def test_a_silent_song_has_empty_stems():
    nothing = measure(np.zeros(1000))
    activity = stem_activity(nothing, nothing)
    assert activity.empty
    assert activity.bleed_db is None
