"""Which model a tier runs."""

import pytest

from stemwright.engine.catalog import MODELS, QUALITIES
from stemwright.engine.licences import LicencePolicy
from stemwright.engine.tiers import TierChoices, tier_model, tier_named, tiers_of
from stemwright.engine.weights import ModelStore
from stemwright.errors import OptionError, UnknownModel
from support.gain_cli import install_model


@pytest.fixture
def choices(tmp_path):
    return TierChoices(tmp_path)


def installed(*names):
    return lambda model: model.name in names


def test_unless_chosen_the_best_tier_takes_what_is_installed(choices):
    assert tier_model("best", choices, installed("htdemucs")).name == "htdemucs"
    assert tier_model("best", choices, installed("htdemucs_ft")).name == "htdemucs_ft"
    assert tier_model("fast", choices, installed("htdemucs_ft")).name == "htdemucs"


def test_what_is_chosen_is_run_whatever_is_installed(choices, tmp_path):
    choices.choose("best", "mdx_extra")
    assert tier_model("best", TierChoices(tmp_path), installed("htdemucs_ft")).name == "mdx_extra"
    choices.choose("best", None)
    assert tier_model("best", TierChoices(tmp_path), installed("htdemucs_ft")).name == "htdemucs_ft"


def test_a_choice_says_nothing_of_the_other_tiers(choices):
    choices.choose("fast", "htdemucs_6s")
    assert choices.all() == {"fast": "htdemucs_6s", "balanced": None, "best": None}


def test_only_models_that_separate_can_be_chosen(choices):
    with pytest.raises(UnknownModel, match="basic-pitch"):
        choices.choose("fast", "basic-pitch")
    with pytest.raises(OptionError, match="fast, balanced, best"):
        tier_named("finest")


def test_a_choice_that_is_no_model_any_more_is_none(choices, tmp_path):
    (tmp_path / "tiers.json").write_text('{"best": "spleeter", "fast": 7}')
    assert choices.all() == dict.fromkeys(QUALITIES)


def test_a_model_knows_its_tiers_before_it_is_installed(choices):
    tiers = {name: tiers_of(model, choices, installed()) for name, model in MODELS.items()}
    assert tiers["htdemucs"] == ["fast", "balanced", "best"]
    assert tiers["htdemucs_ft"] == ["best"]
    assert tiers["mdx_extra"] == []
    assert tiers_of(MODELS["htdemucs"], choices, installed("htdemucs_ft")) == ["fast", "balanced"]


def test_what_the_policy_refuses_is_not_taken_though_it_is_installed(tmp_path):
    install_model(tmp_path, "htdemucs_ft")
    store = ModelStore(tmp_path / "models", policy=LicencePolicy.parse("commercial"))

    assert store.installed(MODELS["htdemucs_ft"])
    assert not store.usable(MODELS["htdemucs_ft"])
    assert tier_model("best", TierChoices(tmp_path), store.usable).name == "htdemucs"
