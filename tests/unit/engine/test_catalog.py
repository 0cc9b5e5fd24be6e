import dataclasses
import re

import pytest

from stemwright.engine.catalog import MODELS, QUALITIES, Pass, find_model
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
def test_an_installed_form_is_pinned_where_the_weights_have_been_seen(model):
    pins = [network.installed_sha256 for network in model.networks]
    assert all(re.fullmatch(r"[0-9a-f]{64}", pin) for pin in pins if pin is not None)
    assert model.name != "htdemucs" or None not in pins


def test_the_networks_of_a_bag_each_have_a_file_of_their_own():
    for model in MODELS.values():
        files = [network.installed_file for network in model.networks]
        assert len(set(files)) == len(files)


def test_each_fine_tuned_network_gives_the_stem_it_was_trained_on():
    model = find_model("htdemucs_ft")
    for stem, network in enumerate(model.networks):
        assert [network.gives(each) for each in range(4)] == [each == stem for each in range(4)]


def test_the_networks_of_mdx_extra_give_every_stem():
    model = find_model("mdx_extra")
    assert all(network.gives(stem) for network in model.networks for stem in range(4))
    assert model.segment_samples == 44 * 44_100


def test_six_stems_follow_the_four():
    assert find_model("htdemucs_6s").stems[4:] == ("guitar", "piano")


def test_the_best_tier_takes_the_finer_model_where_it_is_installed():
    best = QUALITIES["best"]
    assert best.run_with(lambda name: name == "htdemucs_ft").model == "htdemucs_ft"
    assert best.run_with(lambda _: False) == Pass("htdemucs", best.overlap, best.shifts)
    assert QUALITIES["fast"].run_with(lambda _: True).model == "htdemucs"
