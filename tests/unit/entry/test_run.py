from pathlib import Path

import pytest

from stemwright.engine.catalog import MODELS
from stemwright.engine.checkpoints import write_safetensors
from stemwright.engine.licences import LicencePolicy
from stemwright.engine.weights import ModelStore
from stemwright.entry.run import Choices, build_request, choose_model, exit_code
from stemwright.entry.signals import Interruption
from stemwright.errors import (
    Cancelled,
    EmptyAudio,
    InputNotFound,
    LicenceRefused,
    OptionError,
    OutputError,
    RuntimeUnavailable,
    StemwrightError,
    WeightsCorrupt,
)
from stemwright.features.separations.batch import Outcome
from support.gain_cli import install_model
from support.random_networks import CASES

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


# --- which model ----------------------------------------------------------------------------------


def chosen(folder, *installed, **choices):
    for name in installed:
        install_model(folder, name)
    given = {"folder": Path("out"), "quality": "best", **choices}
    return choose_model(Choices(**given), ModelStore(folder / "models"))


def test_the_best_tier_takes_what_is_installed(tmp_path):
    assert chosen(tmp_path).name == "htdemucs"
    assert chosen(tmp_path, "htdemucs").name == "htdemucs"
    assert chosen(tmp_path, "htdemucs_ft").name == "htdemucs_ft"


def test_a_model_that_is_named_is_taken_whatever_the_tier(tmp_path):
    assert chosen(tmp_path, "htdemucs_ft", model="htdemucs").name == "htdemucs"


def test_the_finer_model_has_a_method_of_its_own():
    passes = {
        name: build_request(Choices(Path("out"), quality="best"), MODELS[name]).method.shifts
        for name in ("htdemucs", "htdemucs_ft")
    }
    assert passes == {"htdemucs": 4, "htdemucs_ft": 0}


def test_a_path_leads_to_weights_of_ones_own(tmp_path):
    case = CASES["hdemucs-narrow"]
    write_safetensors(tmp_path / "mine.safetensors", case.state(), {"klass": case.reference})
    model = chosen(tmp_path, model=str(tmp_path / "mine.safetensors"))
    assert (model.name, model.architecture) == ("mine", "hdemucs")
    assert build_request(Choices(Path("out")), model).stems == HTDEMUCS.stems
    policy = LicencePolicy.parse("commercial")
    with pytest.raises(LicenceRefused, match="weights of mine"):
        ModelStore(tmp_path, policy=policy).allow(model)


def test_a_folder_of_a_models_name_does_not_hide_the_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "htdemucs").mkdir()
    assert chosen(tmp_path, model="htdemucs") is HTDEMUCS
