from dataclasses import replace

import pytest

from stemwright.engine.licences import LicencePolicy
from stemwright.errors import LicenceRefused, OptionError
from support.small_model import small_model, small_store


@pytest.mark.parametrize("text", ["any", "", " any "])
def test_the_default_policy_admits_research_weights(text):
    LicencePolicy.parse(text).check(small_model())


@pytest.mark.parametrize("text", ["commercial", "demucs-research"])
def test_a_strict_policy_refuses_research_weights_and_says_what_to_do(text):
    with pytest.raises(LicenceRefused, match=r"LICENCE_POLICY.*scientific.*change the policy"):
        LicencePolicy.parse(text).check(small_model())


def test_a_commercial_policy_admits_weights_that_allow_it():
    licence = replace(small_model().licence, commercial_use=True)
    LicencePolicy.parse("commercial").check(small_model(licence=licence))


def test_a_misspelt_licence_is_an_error_and_not_a_hole():
    with pytest.raises(OptionError, match="unknown licence demucs-reserch"):
        LicencePolicy.parse("demucs-reserch")


def test_a_policy_made_stricter_later_refuses_what_is_installed(tmp_path):
    weights = tmp_path / "small"
    weights.mkdir()
    for name in ("weights.safetensors", "record.json"):
        (weights / name).touch()
    store = small_store(tmp_path, policy=LicencePolicy.parse("commercial"))
    with pytest.raises(LicenceRefused):
        store.require(small_model())
