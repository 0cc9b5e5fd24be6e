"""One suite that every runtime passes, on a small HTDemucs with random weights."""

import os

import numpy as np
import pytest

from stemwright.engine.checkpoints import write_safetensors
from stemwright.engine.networks.htdemucs import HTDemucsShape, embedding_1d, embedding_2d
from stemwright.engine.runtimes import available, load_runtime, usable_cores
from stemwright.engine.runtimes.fake import FakeRuntime
from stemwright.engine.runtimes.onnx import OnnxRuntime
from stemwright.engine.runtimes.openvino import OpenVinoRuntime
from stemwright.errors import OptionError, RuntimeUnavailable
from support.reference import htdemucs_state
from support.signals import noise

SEGMENT = 22_050
SOURCES = ("drums", "bass", "other", "vocals")


@pytest.fixture(scope="module")
def state():
    """Weights small enough that activations neither vanish nor explode."""
    random = htdemucs_state(np.random.default_rng(0))
    return {name: array * np.float32(0.05) for name, array in random.items()}


@pytest.fixture(scope="module")
def shape():
    return HTDemucsShape(SOURCES, SEGMENT)


@pytest.fixture(scope="module")
def runtimes(state, shape):
    loaded = {
        "fake": FakeRuntime(SOURCES, SEGMENT),
        "onnx": OnnxRuntime(state, shape, threads=2),
        "openvino": OpenVinoRuntime(state, shape, precision="f32", threads=2),
    }
    yield loaded
    for runtime in loaded.values():
        runtime.close()


@pytest.fixture(params=["fake", "onnx", "openvino"])
def runtime(request, runtimes):
    return runtimes[request.param]


def test_a_segment_becomes_stereo_stems(runtime):
    stems = runtime.infer(noise(SEGMENT))
    assert runtime.sources == SOURCES
    assert runtime.segment_samples == SEGMENT
    assert stems.shape == (4, 2, SEGMENT)
    assert stems.dtype == np.float32
    assert np.isfinite(stems).all()


def test_the_same_segment_gives_the_same_stems_whatever_came_before(runtime):
    first = runtime.infer(noise(SEGMENT, seed=1)).copy()
    runtime.infer(noise(SEGMENT, seed=2))
    np.testing.assert_array_equal(runtime.infer(noise(SEGMENT, seed=1)), first)


def test_results_stay_as_they_are_when_the_next_segment_is_separated(runtime):
    first = runtime.infer(noise(SEGMENT, seed=1))
    before = first.copy()
    runtime.infer(noise(SEGMENT, seed=2))
    np.testing.assert_array_equal(first, before)


def test_silence_is_separated_without_dividing_by_nothing(runtime):
    assert np.isfinite(runtime.infer(np.zeros((2, SEGMENT), np.float32))).all()


def test_the_runtimes_agree(runtimes):
    segment = noise(SEGMENT)
    expected = runtimes["openvino"].infer(segment)
    found = runtimes["onnx"].infer(segment)
    # float32 sums in another order, relative to the loudest sample
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_both_runtimes_are_installed_and_openvino_is_preferred():
    assert available() == ["openvino", "onnx"]


def test_onnx_refuses_bf16_and_names_the_way_out(state_file, model):
    with pytest.raises(RuntimeUnavailable, match="--precision f32"):
        load_runtime(state_file, model, runtime="onnx", precision="bf16")


def test_a_runtime_that_is_not_installed_names_its_extra(state_file, model):
    if "torch" in available():
        pytest.skip("torch is installed")
    with pytest.raises(RuntimeUnavailable, match=r"pip install 'stemwright\[torch\]'"):
        load_runtime(state_file, model, runtime="torch")


def test_no_threads_are_refused(state_file, model):
    with pytest.raises(OptionError, match="at least 1"):
        load_runtime(state_file, model, threads=0)


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("100000 100000", 1), ("150000 100000", 2), ("max 100000", None), ("", None)],
)
def test_a_containers_quota_of_time_limits_the_cores(tmp_path, quota, expected):
    here = len(os.sched_getaffinity(0))
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    assert usable_cores(file) == min(here, expected or here)


@pytest.fixture
def model():
    from stemwright.engine.catalog import MODELS

    return MODELS["htdemucs"]


@pytest.fixture
def state_file(tmp_path, state):
    path = tmp_path / "weights.safetensors"
    write_safetensors(path, state, {})
    return path


def test_time_is_embedded_as_cosines_then_sines():
    embedding = embedding_1d(width=8, length=5, max_period=10_000)
    np.testing.assert_allclose(embedding[0], [1, 1, 1, 1, 0, 0, 0, 0])
    np.testing.assert_allclose(embedding[3, [0, 4]], [np.cos(3), np.sin(3)], rtol=1e-6)


def test_half_of_the_channels_tell_the_frame_and_half_the_band():
    embedding = embedding_2d(width=8, bands=3, frames=4, max_period=10_000)
    assert embedding.shape == (3, 4, 8)
    assert (embedding[0, :, :4] == embedding[2, :, :4]).all()
    assert (embedding[:, 0, 4:] == embedding[:, 3, 4:]).all()
    np.testing.assert_allclose(
        embedding[2, 3, [0, 1, 4, 5]], [np.sin(3), np.cos(3), np.sin(2), np.cos(2)], rtol=1e-6
    )
