"""Weights read from small files made by hand; the real export where it is at hand."""

import hashlib
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from stemwright.engine.architectures import HDEMUCS, HTDEMUCS, Checkpoint, network_shape
from stemwright.engine.catalog import MODELS
from stemwright.engine.checkpoints import (
    describe,
    read_onnx,
    read_safetensors,
    refuse_other_model,
    write_safetensors,
)
from stemwright.engine.onnx_file import read_graph
from stemwright.errors import WeightsCorrupt, WeightsMissing
from support.random_networks import CASES
from support.reference import htdemucs_state, installed_weights, onnx_of, onnx_with_external_tensor

SOURCES = ("drums", "bass", "other", "vocals")
SEGMENT = Fraction(39, 5)


def metadata_of(state, architecture=HTDEMUCS, **arguments):
    return describe(Checkpoint(architecture, state, arguments), SOURCES, SEGMENT)


@pytest.fixture(scope="module")
def state():
    return htdemucs_state(np.random.default_rng(2))


def test_safetensors_give_back_what_was_written(state, tmp_path):
    path = tmp_path / "weights.safetensors"
    write_safetensors(path, state, metadata_of(state))
    read = read_safetensors(path).state
    assert list(read) == list(state)
    assert all(np.array_equal(read[name], state[name]) for name in state)


def test_the_same_weights_make_the_same_bytes(state, tmp_path):
    sums = set()
    for name in ("first", "second"):
        write_safetensors(tmp_path / name, state, metadata_of(state))
        sums.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(sums) == 1


def test_metadata_say_how_to_build_the_network(state):
    metadata = metadata_of(state)
    assert metadata["klass"] == "demucs.htdemucs.HTDemucs"
    kwargs = json.loads(metadata["kwargs"])
    assert kwargs["sources"] == list(SOURCES)
    assert kwargs["segment"] == {"_type": "fraction", "numerator": 39, "denominator": 5}


def test_half_precision_is_widened(state, tmp_path):
    half = {name: array.astype(np.float16) for name, array in state.items()}
    save_file(half, tmp_path / "half", metadata=metadata_of(state))
    read = read_safetensors(tmp_path / "half").state
    assert {array.dtype for array in read.values()} == {np.dtype(np.float32)}
    assert np.array_equal(read["encoder.0.conv.bias"], half["encoder.0.conv.bias"])


def test_an_export_gives_torch_names_and_shapes(state, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_of(state))
    read = read_onnx(path).state
    assert list(read) == list(state)
    for name in state:
        np.testing.assert_allclose(read[name], state[name], rtol=1e-7, err_msg=name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("encoder.0.conv.bias"), "missing: encoder.0.conv.bias"),
        (lambda s: s.update(extra=np.zeros(1, np.float32)), "unknown: extra"),
        (
            lambda s: s.update({"encoder.0.conv.bias": np.zeros(3, np.float32)}),
            "wrong shape: encoder.0.conv.bias",
        ),
        (
            lambda s: s.update({"encoder.0.conv.bias": np.full(48, np.nan, np.float32)}),
            "not finite: encoder.0.conv.bias",
        ),
    ],
)
def test_a_wrong_parameter_is_named(state, tmp_path, change, said):
    wrong = dict(state)
    change(wrong)
    write_safetensors(tmp_path / "wrong", wrong, {})
    with pytest.raises(WeightsCorrupt, match=said):
        read_safetensors(tmp_path / "wrong")


@pytest.mark.parametrize("read", [read_onnx, read_safetensors])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", bytes(64)])
def test_another_kind_of_file_is_one_clear_error(tmp_path, read, content):
    path = tmp_path / "weights"
    path.write_bytes(content)
    with pytest.raises(WeightsCorrupt, match=str(path)):
        read(path)


def test_a_truncated_export_is_one_clear_error(state, tmp_path):
    path = tmp_path / "model.onnx"
    whole = onnx_of(state)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsCorrupt, match="breaks off"):
        read_onnx(path)


def test_a_tensor_in_a_separate_file_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_with_external_tensor())
    with pytest.raises(ValueError, match="separate file"):
        read_graph(path)


@pytest.mark.parametrize("read", [read_onnx, read_safetensors])
def test_no_file_means_weights_missing(tmp_path, read):
    with pytest.raises(WeightsMissing, match="nowhere"):
        read(tmp_path / "nowhere")


@pytest.mark.parametrize("klass", ["demucs.demucs.Demucs", "os.system", ""])
def test_weights_of_another_class_are_refused(state, tmp_path, klass):
    path = tmp_path / "other"
    write_safetensors(path, state, {"klass": klass})
    with pytest.raises(WeightsCorrupt, match=f"weights of {klass}; stemwright reads"):
        read_safetensors(path)


def test_quantised_weights_are_refused(state, tmp_path):
    path = tmp_path / "quantised"
    write_safetensors(path, state, {**metadata_of(state), "structure": "{}"})
    with pytest.raises(WeightsCorrupt, match="quantised"):
        read_safetensors(path)


@pytest.mark.parametrize("kwargs", ["", "{", "[" * 100_000, '{"segment": {"_type": "fraction"}}'])
def test_arguments_nobody_can_read_are_one_clear_error(state, tmp_path, kwargs):
    path = tmp_path / "odd"
    write_safetensors(path, state, {**metadata_of(state), "kwargs": kwargs})
    with pytest.raises(WeightsCorrupt, match="no readable way"):
        read_safetensors(path)


@pytest.mark.parametrize(
    "arguments",
    [{"nfft": 2048}, {"cac": False}, {"t_layers": 7}, {"multi_freqs": [0.5]}, {"freq_emb": "x"}],
)
def test_a_network_of_another_kind_is_refused_by_what_is_different(state, tmp_path, arguments):
    path = tmp_path / "other"
    metadata = metadata_of(state)
    kwargs = {**json.loads(metadata["kwargs"]), **arguments}
    write_safetensors(path, state, {**metadata, "kwargs": json.dumps(kwargs)})
    with pytest.raises(WeightsCorrupt, match=f"{next(iter(arguments))}="):
        read_safetensors(path)


@pytest.mark.parametrize("arguments", [{"multi_freqs": []}, {"channels_time": None}, {"new": 3}])
def test_arguments_that_change_nothing_are_none_of_our_business(state, tmp_path, arguments):
    path = tmp_path / "same"
    metadata = metadata_of(state)
    kwargs = {**json.loads(metadata["kwargs"]), **arguments}
    write_safetensors(path, state, {**metadata, "kwargs": json.dumps(kwargs)})
    assert list(read_safetensors(path).state) == list(state)


# --- HDemucs --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hybrid():
    return CASES["hdemucs-unpadded"].state()


def test_what_cannot_be_seen_in_the_weights_is_kept_in_the_metadata(hybrid, tmp_path):
    path = tmp_path / "weights.safetensors"
    told = {"hybrid_old": True, "norm_groups": 2, "multi_freqs": None, "unknown": "x"}
    write_safetensors(path, hybrid, metadata_of(hybrid, HDEMUCS, **told))
    read = read_safetensors(path)
    assert read.architecture is HDEMUCS
    assert list(read.state) == list(hybrid)
    assert read.arguments["hybrid_old"] is True
    assert read.arguments["norm_groups"] == 2
    assert (read.arguments["channels"], read.arguments["dconv_comp"]) == (8, 2)
    assert read.arguments["dconv_mode"] == 3
    assert read.arguments["segment"] == SEGMENT
    assert "unknown" not in read.arguments


def test_the_older_name_of_the_class_is_known(hybrid, tmp_path):
    path = tmp_path / "weights.safetensors"
    metadata = {**metadata_of(hybrid, HDEMUCS), "klass": "demucs.wdemucs.WDemucs"}
    write_safetensors(path, hybrid, metadata)
    assert read_safetensors(path).architecture is HDEMUCS


def test_a_graph_is_told_what_the_checkpoint_says(hybrid):
    told = {"hybrid_old": True, "norm_groups": 2, "freq_emb": 0.3}
    shape = network_shape(Checkpoint(HDEMUCS, hybrid, told), SOURCES, 1000)
    assert (shape.unpadded, shape.norm_groups) == (True, 2)
    assert shape.freq_embedding_scale == pytest.approx(3.0)


@pytest.mark.parametrize("wrong", [np.zeros((), np.float32), np.zeros((0,), np.float32)])
@pytest.mark.parametrize(
    "name",
    ["encoder.0.conv.weight", "encoder.0.dconv.layers.0.0.weight", "tdecoder.4.conv_tr.weight"],
)
def test_a_parameter_of_an_odd_shape_is_named(hybrid, tmp_path, name, wrong):
    path = tmp_path / "odd"
    write_safetensors(path, {**hybrid, name: wrong}, metadata_of(hybrid, HDEMUCS))
    with pytest.raises(WeightsCorrupt, match="wrong shape"):
        read_safetensors(path)


@pytest.mark.parametrize(
    ("stems", "said"),
    [
        (("drums", "bass", "other", "vocals", "guitar", "piano"), "guitar"),
        (SOURCES[::-1], "vocals, other"),
    ],
)
def test_weights_of_another_model_are_refused(hybrid, stems, said):
    other = replace(MODELS["mdx_extra"], stems=stems)
    checkpoint = Checkpoint(HDEMUCS, hybrid, {"sources": list(SOURCES)})
    refuse_other_model(checkpoint, MODELS["mdx_extra"], Path("file"))
    with pytest.raises(WeightsCorrupt, match=said):
        refuse_other_model(checkpoint, other, Path("file"))


def test_weights_of_another_architecture_are_no_part_of_a_model(hybrid):
    checkpoint = Checkpoint(HDEMUCS, hybrid, {})
    with pytest.raises(WeightsCorrupt, match="holds a HDemucs, but htdemucs is made of htdemucs"):
        refuse_other_model(checkpoint, MODELS["htdemucs"], Path("file"))


@pytest.mark.model
def test_the_installed_weights_are_the_authors_half_precision():
    # Bit for bit what the authors published: had a reader lost a bit anywhere (a folded factor,
    # a wrong axis scaled), some value would no longer fit half precision.
    state = read_safetensors(installed_weights()).state
    assert len(state) == 533
    assert all(np.array_equal(a, a.astype(np.float16).astype(np.float32)) for a in state.values())
