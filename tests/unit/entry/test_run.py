from pathlib import Path

import pytest

from stemwright.engine.catalog import MODELS
from stemwright.entry.run import Choices, build_request, exit_code
from stemwright.entry.signals import Interruption
from stemwright.errors import (
    Cancelled,
    EmptyAudio,
    InputNotFound,
    OptionError,
    OutputError,
    RuntimeUnavailable,
    StemwrightError,
    WeightsCorrupt,
)
from stemwright.features.separations.batch import Outcome

HTDEMUCS = MODELS["htdemucs"]


def outcomes(*errors):
    statuses = {None: "done", "skipped": "skipped"}
    return [
        Outcome(Path("a.wav"), statuses.get(error, "failed"), error=error)
        if not isinstance(error, str)
        else Outcome(Path("a.wav"), error)
        for error in errors
    ]


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([None], 0),
        (["skipped", None], 0),
        ([], 0),
        ([EmptyAudio("empty")], 4),
        ([InputNotFound("gone")], 4),
        ([WeightsCorrupt("broken")], 5),
        ([RuntimeUnavailable("none")], 6),
        ([OutputError("full"), EmptyAudio("empty")], 7),
        ([None, EmptyAudio("empty")], 3),
        (["skipped", OutputError("full")], 3),
        ([ZeroDivisionError()], 1),
        ([None, ZeroDivisionError(), EmptyAudio("empty")], 1),
    ],
)
def test_exit_status_tells_how_a_batch_went(errors, code):
    assert exit_code(outcomes(*errors), Interruption()) == code


def test_every_error_class_has_an_exit_status_of_the_documented_range():
    classes = [StemwrightError]
    for known in classes:
        classes += known.__subclasses__()

    documented = {1, 2, *range(4, 9), 10, 11, 12, Cancelled.exit_code}
    assert {known.exit_code for known in classes} <= documented


def test_tier_decides_what_is_left_open():
    request = build_request(Choices(Path("out"), quality="best"), HTDEMUCS)
    chosen = build_request(Choices(Path("out"), quality="best", overlap=0.5, shifts=0), HTDEMUCS)

    assert request.method.shifts > 0
    assert (chosen.method.overlap, chosen.method.shifts) == (0.5, 0)


def test_operators_longest_song_holds_unless_the_user_sets_one():
    limits = [
        build_request(Choices(Path("out"), max_duration_s=own), HTDEMUCS, 60.0).max_duration_s
        for own in (None, 30.0)
    ]

    assert limits == [60.0, 30.0]


def test_exact_sum_of_two_stems_needs_nothing_done():
    choices = Choices(Path("out"), stems="2", exact_sum=True)

    assert not build_request(choices, HTDEMUCS).exact_sum


@pytest.mark.parametrize(
    "choices",
    [
        Choices(Path("out"), stems="vocals", exact_sum=True),
        Choices(Path("out"), segment_s=30.0),
        Choices(Path("out"), format="mp3", bit_depth="16"),
        Choices(Path("out"), template="{song}.{ext}"),
    ],
)
def test_choices_that_contradict_each_other_are_refused(choices):
    with pytest.raises(OptionError):
        build_request(choices, HTDEMUCS)


def test_bf16_of_a_tier_yields_to_the_processor_but_the_users_word_stands():
    assert Choices(Path("out"), quality="fast").wanted_precision() == "auto"
    assert Choices(Path("out"), quality="fast", precision="bf16").wanted_precision() == "bf16"
