"""Every model states what it is, where it comes from and under which terms."""

import re

import pytest

from stemwright.engine.catalog import MODELS, QUALITIES

EVERY_MODEL = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@EVERY_MODEL
def test_a_model_states_its_licence_in_its_authors_words(model):
    assert model.licence.name
    assert model.licence.terms.strip()
    assert model.licence.url.startswith("https://")


@EVERY_MODEL
def test_every_source_of_a_model_is_pinned(model):
    assert model.sources
    for source in model.sources:
        assert re.fullmatch(r"[0-9a-f]{64}", source.sha256 or ""), source
        assert source.size_bytes > 0
        assert source.kind == "https" or re.search(r"@\S+$", source.location), source


@EVERY_MODEL
def test_a_model_is_registered_under_its_name_and_has_stems(model):
    assert MODELS[model.name] is model
    assert len(set(model.stems)) == len(model.stems) > 0


@pytest.mark.parametrize("quality", QUALITIES.values(), ids=QUALITIES)
def test_a_quality_names_a_model_of_the_catalogue(quality):
    assert quality.model in MODELS
    assert 0 <= quality.overlap < 1
    assert quality.shifts >= 0
