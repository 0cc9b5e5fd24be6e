"""Lengths known in advance, and how many passes a row of edits takes."""

from concurrent.futures import Future

import pytest

from stemwright.audio.edits import Keep, Remove
from stemwright.audio.stretch import TempoAndPitch
from stemwright.errors import InvalidManifest
from stemwright.features.mixes.edits import (
    Crop,
    FadeIn,
    PitchShift,
    Range,
    Split,
    TimeStretch,
    Trim,
)
from stemwright.features.mixes.plan import Plan


def _never(piece, frames, rate):
    return Future()


def _plan(*edits, frames=44_100, most=10**6):
    return Plan(edits, frames, 44_100, most, _never)


@pytest.mark.parametrize(
    ("edit", "frames"),
    [
        (Crop(Range(100, 200, "")), 4410),
        (Crop(Range(-5, 1e12, "")), 44_100),
        (Crop(Range(0, 0.012, "")), 1),
        (Trim(Range(100, 200, "")), 39_690),
        (Trim(Range(0, None, "")), 0),
        (FadeIn(1e9), 44_100),
        (TimeStretch(0.5), 88_200),
        (TimeStretch(2.0), 22_050),
        (TimeStretch(1.3), 33_923),
        (PitchShift(7), 44_100),
    ],
)
def test_every_edit_tells_its_length(edit, frames):
    assert _plan(edit).frames == frames


def test_times_are_those_of_the_clip_as_edits_before_left_it():
    plan = _plan(Trim(Range(0, 500, "")), Crop(Range(400, 900, "")))
    assert plan.stages == [Remove(0, 22_050), Keep(17_640, 22_050)]


def test_an_empty_clip_has_no_ranges():
    with pytest.raises(InvalidManifest, match=r"lasts 0\.000 seconds"):
        _plan(Trim(Range(0, None, "")), Crop(Range(0, 1, "there")))


@pytest.mark.parametrize(
    ("edits", "passes"),
    [
        ([PitchShift(0), TimeStretch(1)], 0),
        ([PitchShift(3), PitchShift(-3)], 0),
        ([PitchShift(3), Split(), TimeStretch(0.8), PitchShift(2)], 1),
        ([PitchShift(3), FadeIn(10), TimeStretch(0.8)], 2),
        ([PitchShift(12), PitchShift(1)], 2),
        ([TimeStretch(2)] * 5, 5),
    ],
)
def test_changes_that_follow_each_other_are_made_in_one_go(edits, passes):
    assert sum(isinstance(stage, TempoAndPitch) for stage in _plan(*edits).stages) == passes


def test_a_clip_may_not_outgrow_the_longest_mix():
    with pytest.raises(InvalidManifest, match="may last"):
        _plan(*[TimeStretch(0.5)] * 5)
