import dataclasses
import re

import pytest

from stemwright.engine.catalog import MODELS, find_model
from stemwright.errors import UnknownModel


def test_htdemucs_is_the_network_of_the_paper():
    model = find_model("htdemucs")
    assert model.stems == ("drums", "bass", "other", "vocals")
    assert (model.sample_rate, model.segment_samples) == (44_100, 343_980)
    assert model.paper == "https://arxiv.org/abs/2211.08553"


def test_an_unknown_name_lists_the_models_and_the_nearest():
    with pytest.raises(UnknownModel, match=r"'htdemuc'\. Did you mean 'htdemucs'\?.*Available"):
        find_model("htdemuc")


def test_a_name_like_no_other_gets_no_suggestion():
    with pytest.raises(UnknownModel) as caught:
        find_model("xyz")
    assert "Did you mean" not in caught.value.message


def test_the_catalogue_cannot_be_changed():
    with pytest.raises(TypeError):
        MODELS["mine"] = MODELS["htdemucs"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        MODELS["htdemucs"].name = "mine"


def test_a_source_knows_what_its_file_is():
    npm, hub, authors = find_model("htdemucs").sources
    assert (npm.file_name, npm.format) == ("htdemucs.onnx", "onnx")
    assert (hub.file_name, hub.format) == ("955717e8.safetensors", "safetensors")
    assert (authors.file_name, authors.format) == ("955717e8-8726e21a.th", "torch")


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_the_installed_form_of_a_model_is_pinned_too(model):
    assert re.fullmatch(r"[0-9a-f]{64}", model.installed_sha256)
