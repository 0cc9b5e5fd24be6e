"""Weights read from small files made by hand; the real export where it is at hand."""

import hashlib
import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from stemwright.engine.checkpoints import (
    describe,
    read_onnx,
    read_safetensors,
    write_safetensors,
)
from stemwright.engine.onnx_file import read_graph
from stemwright.errors import WeightsCorrupt, WeightsMissing
from support.reference import htdemucs_state, installed_weights, onnx_of, onnx_with_external_tensor

SOURCES = ("drums", "bass", "other", "vocals")


@pytest.fixture(scope="module")
def state():
    return htdemucs_state(np.random.default_rng(2))


def test_safetensors_give_back_what_was_written(state, tmp_path):
    path = tmp_path / "weights.safetensors"
    write_safetensors(path, state, describe(state, SOURCES))
    read = read_safetensors(path)
    assert list(read) == list(state)
    assert all(np.array_equal(read[name], state[name]) for name in state)


def test_the_same_weights_make_the_same_bytes(state, tmp_path):
    sums = set()
    for name in ("first", "second"):
        write_safetensors(tmp_path / name, state, describe(state, SOURCES))
        sums.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(sums) == 1


def test_metadata_say_how_to_build_the_network(state):
    metadata = describe(state, SOURCES)
    assert metadata["klass"] == "demucs.htdemucs.HTDemucs"
    kwargs = json.loads(metadata["kwargs"])
    assert kwargs["sources"] == list(SOURCES)
    assert kwargs["segment"] == {"_type": "fraction", "numerator": 39, "denominator": 5}


def test_half_precision_is_widened(state, tmp_path):
    half = {name: array.astype(np.float16) for name, array in state.items()}
    save_file(half, tmp_path / "half", metadata=describe(state, SOURCES))
    read = read_safetensors(tmp_path / "half")
    assert {array.dtype for array in read.values()} == {np.dtype(np.float32)}
    assert np.array_equal(read["encoder.0.conv.bias"], half["encoder.0.conv.bias"])


def test_an_export_gives_torch_names_and_shapes(state, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_of(state))
    read = read_onnx(path)
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


def test_weights_of_another_class_are_refused(state, tmp_path):
    path = tmp_path / "other"
    write_safetensors(path, state, {"klass": "demucs.hdemucs.HDemucs"})
    with pytest.raises(WeightsCorrupt, match=r"demucs\.hdemucs\.HDemucs"):
        read_safetensors(path)


@pytest.mark.model
def test_the_installed_weights_are_the_authors_half_precision():
    # Bit for bit what the authors published: had a reader lost a bit anywhere (a folded factor,
    # a wrong axis scaled), some value would no longer fit half precision.
    state = read_safetensors(installed_weights())
    assert len(state) == 533
    assert all(np.array_equal(a, a.astype(np.float16).astype(np.float32)) for a in state.values())
