"""A user's own checkpoints as a model: what is read off them, and what the folder may say."""

import json
from fractions import Fraction

import numpy as np
import pytest

from stemwright.engine.architectures import HDEMUCS, Checkpoint
from stemwright.engine.checkpoints import describe, write_safetensors
from stemwright.engine.own_model import is_own, read_own_model
from stemwright.engine.separate import ArrayMixture
from stemwright.engine.separator import Separator
from stemwright.errors import InputNotFound, OptionError, WeightsCorrupt
from support.random_networks import CASES, FOUR
from support.signals import music
from support.torch_files import checkpoint

CASE = CASES["hdemucs-narrow"]
SHORT = Fraction(2)


@pytest.fixture(scope="module")
def state():
    return CASE.state()


@pytest.fixture
def folder(tmp_path, state):
    for name in ("a", "b"):
        write(tmp_path / f"{name}.safetensors", state)
    return tmp_path


def write(path, state, segment=SHORT):
    write_safetensors(path, state, describe(Checkpoint(HDEMUCS, state), FOUR, segment))


def test_a_file_says_enough_of_itself(folder):
    own = read_own_model(folder / "a.safetensors")
    assert (own.model.name, own.model.architecture) == ("a", "hdemucs")
    assert (own.model.stems, own.model.segment_s) == (FOUR, SHORT)
    assert own.weights == folder / "a.safetensors"
    assert not own.model.licence.commercial_use


def test_every_file_of_a_folder_is_a_network_of_equal_share(folder):
    own = read_own_model(folder)
    assert [network.name for network in own.model.networks] == ["a", "b"]
    assert own.weights == folder
    assert own.sha256 != read_own_model(folder / "a.safetensors").sha256


def test_a_package_without_stems_and_segment_has_the_usual_ones(tmp_path, state):
    program = b"}"
    (tmp_path / "x.th").write_bytes(
        checkpoint(state, klass="demucs.hdemucs HDemucs", kwargs=program)
    )
    model = read_own_model(tmp_path / "x.th").model
    assert (model.stems, model.segment_s) == (FOUR, Fraction(44))


def test_the_description_has_the_last_word(folder):
    (folder / "model.toml").write_text(
        """
        title = "Mine"
        stems = ["kick", "sub", "rest", "voice"]
        segment_s = 1.5
        [licence]
        name = "mine"
        commercial_use = true
        [[networks]]
        file = "b.safetensors"
        weights = [1, 0.5, 0, 1]
        [[networks]]
        file = "a.safetensors"
        weights = [0, 0.5, 1, 0]
        """
    )
    model = read_own_model(folder).model
    assert (model.title, model.stems[0], model.segment_s) == ("Mine", "kick", Fraction(3, 2))
    assert (model.licence.name, model.licence.commercial_use) == ("mine", True)
    assert [(net.name, net.weights[1]) for net in model.networks] == [("b", 0.5), ("a", 0.5)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stems = [", "cannot be read"),
        ('stems = "all"', "stems has to be"),
        ('stems = ["../x", "b", "c", "d"]', "stems has to be"),
        ("segment_s = 0.1", "segment_s has to be"),
        ("segment_s = nan", "segment_s has to be"),
        ("networks = []", "networks has to be"),
        ('licence = "mine"', "licence has to be"),
        ('[[networks]]\nfile = "../a.safetensors"', "networks.file has to be"),
        ('[[networks]]\nfile = "c.th"', "networks.file has to be"),
        ('[[networks]]\nfile = "a.safetensors"\nweights = [1]', "one number for each of drums"),
        ('[[networks]]\nfile = "a.safetensors"\nweights = [1, -1, 1, 1]', "zero or more"),
        ('[[networks]]\nfile = "a.safetensors"\nweights = [1, 1, 1, 0]', "a share in vocals"),
    ],
)
def test_a_description_that_makes_no_sense_names_the_line(folder, text, said):
    (folder / "model.toml").write_text(text)
    with pytest.raises(WeightsCorrupt, match=said):
        read_own_model(folder)


def test_a_folder_without_weights_says_what_is_wanted(tmp_path):
    with pytest.raises(InputNotFound, match=r"ending in \.safetensors or \.th"):
        read_own_model(tmp_path)


def test_a_path_that_is_not_there_is_one_clear_error(tmp_path):
    with pytest.raises(InputNotFound, match="nowhere does not exist"):
        read_own_model(tmp_path / "nowhere")


@pytest.mark.parametrize(("name", "own"), [("htdemucs", False), ("./x", True), ("a/b.th", True)])
def test_a_name_with_a_separator_is_a_path(name, own):
    assert is_own(name) is own


def test_networks_that_do_not_belong_together_are_refused_when_loaded(folder, state):
    metadata = describe(Checkpoint(HDEMUCS, state), FOUR[::-1], SHORT)
    assert json.loads(metadata["kwargs"])["sources"] == list(FOUR[::-1])
    write_safetensors(folder / "b.safetensors", state, metadata)
    own = read_own_model(folder)
    with (
        Separator.load(own.weights, own.model, precision="f32") as separator,
        pytest.raises(WeightsCorrupt, match="gives vocals, other"),
    ):
        list(separator.stream(ArrayMixture(music(1.0))))


def test_own_weights_separate_like_any_others(folder):
    own = read_own_model(folder)
    with Separator.load(own.weights, own.model, precision="f32", threads=2) as both:
        mean = both.separate(music(3.0), 44_100, stems=["vocals"])
    one = read_own_model(folder / "a.safetensors")
    with Separator.load(one.weights, one.model, precision="f32", threads=2) as single:
        alone = single.separate(music(3.0), 44_100)
    # two equal networks: their mean is what each of them says
    np.testing.assert_allclose(mean["vocals"], alone["vocals"], atol=1e-6)


def test_a_network_that_can_is_built_for_the_segment_asked_for(folder):
    own = read_own_model(folder / "a.safetensors")
    with Separator.load(
        own.weights, own.model, precision="f32", threads=2, segment_s=1.0
    ) as separator:
        stems = separator.separate(music(3.0), 44_100, segment_s=1.0)
        assert stems["bass"].shape == (2, 3 * 44_100)
        with pytest.raises(OptionError, match=r"at most 1\.0 s"):
            separator.separate(music(3.0), 44_100, segment_s=2.0)
