"""Whatever is put into a graph, ONNX Runtime and OpenVINO compute the same."""

import math

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwright.engine.graph import LstmWeights
from stemwright.engine.runtimes.onnx_graph import OnnxGraph
from stemwright.engine.runtimes.openvino import OpenVinoGraph
from stemwright.engine.runtimes.openvino_import import openvino as ov

FEW = 4000
"""Samples, at which a value is large enough."""


def by_onnx(build, samples):
    graph = OnnxGraph()
    graph.output("found", build(graph, graph.input("given", samples.shape)))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        graph.model("test").SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"given": samples})[0]


def by_openvino(build, samples):
    graph = OpenVinoGraph()
    graph.output("found", build(graph, graph.input("given", samples.shape)))
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = ov.Core().compile_model(graph.model("test"), "CPU", options)
    return compiled([samples])[0]


def operators(build, shape):
    """Operators of the graph, in their order."""
    graph = OnnxGraph()
    graph.output("found", build(graph, graph.input("given", shape)))
    return [node.op_type for node in graph.model("test").graph.node]


def weights(rng, *shape):
    return (rng.standard_normal(shape) / math.sqrt(shape[-1])).astype(np.float32)


def assert_same(build, samples, tolerance=1e-4):
    found, expected = by_onnx(build, samples), by_openvino(build, samples)
    assert found.shape == expected.shape
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max())
    )


# ---------------------------------------------------------------------- random graphs


def transpose(graph, value, rng):
    return graph.transpose(value, [int(each) for each in rng.permutation(len(graph.shape(value)))])


def reshape(graph, value, rng):
    """Split an axis, or join two."""
    shape = list(graph.shape(value))
    at = int(rng.integers(len(shape)))
    factors = [n for n in range(1, shape[at] + 1) if shape[at] % n == 0]
    factor = int(rng.choice(factors))
    shape[at : at + 1] = [factor, shape[at] // factor]
    if len(shape) > 2 and rng.random() < 0.7:
        at = int(rng.integers(len(shape) - 1))
        shape[at : at + 2] = [shape[at] * shape[at + 1]]
    return graph.reshape(value, shape) if len(shape) <= 4 else value


def convolution(graph, value, rng):
    shape = graph.shape(value)
    if len(shape) not in (3, 4):
        return value
    kernel = [int(each) for each in rng.integers(1, 4, len(shape) - 2)]
    outputs = int(rng.integers(1, 9))
    return graph.convolution(
        value,
        weights(rng, outputs, shape[-1], *kernel),
        weights(rng, outputs),
        stride=[int(each) for each in rng.integers(1, 3, len(kernel))],
        pad_begin=[size - 1 for size in kernel],
        pad_end=[size - 1 for size in kernel],
    )


def linear(graph, value, rng):
    outputs = int(rng.integers(1, 33))
    return graph.linear(value, weights(rng, outputs, graph.shape(value)[-1]), weights(rng, outputs))


def normalise(graph, value, rng):
    rank = len(graph.shape(value))
    axes = (-1,) if rank < 2 or rng.random() < 0.3 else tuple(range(1, rank))
    return graph.normalise(value, axes, 0.1)


def mean(graph, value, rng):
    rank = len(graph.shape(value))
    axes = sorted(rng.choice(rank, size=int(rng.integers(1, rank + 1)), replace=False))
    return graph.subtract(value, graph.mean(value, [int(each) for each in axes]))


def affine(graph, value, rng):
    channels = graph.shape(value)[-1]
    return graph.add(graph.multiply(value, weights(rng, channels)), weights(rng, channels))


def spread(graph, value, rng):
    shape = [size if rng.random() < 0.6 else 1 for size in graph.shape(value)]
    return graph.add(value, weights(rng, *shape[int(rng.integers(len(shape))) :]))


def turned_sum(graph, value, rng):
    """Add the same samples in another order, by way of whatever `transpose` gives."""
    rank = len(graph.shape(value))
    other = graph.gelu(graph.transpose(value, range(rank)[::-1]))
    return graph.subtract(value, graph.transpose(other, range(rank)[::-1]))


def gate(graph, value, rng):
    if graph.shape(value)[-1] % 2:
        return graph.sigmoid(value)
    kept, other = graph.halves(value)
    return graph.multiply(kept, graph.sigmoid(other))


def concatenate(graph, value, rng):
    axis = int(rng.integers(len(graph.shape(value))))
    zeros = weights(rng, *graph.shape(value))
    return graph.concatenate([value, zeros, graph.gelu(value)], axis)


def cut(graph, value, rng):
    shape = graph.shape(value)
    axis = int(rng.integers(len(shape)))
    start = int(rng.integers(shape[axis]))
    return graph.slice(value, axis, start, int(rng.integers(start + 1, shape[axis] + 1)))


def lstm(graph, value, rng):
    shape = graph.shape(value)
    if len(shape) != 3:
        return value
    directions = [
        LstmWeights(weights(rng, 8, shape[-1]), weights(rng, 8, 2), weights(rng, 8))
        for _ in range(2)
    ]
    return graph.lstm(value, *directions)


def attention(graph, value, rng):
    shape = graph.shape(value)
    if len(shape) != 4:
        return value
    scores = weights(rng, *shape[:3], shape[2])
    bias = graph.add(graph.mean(value, (3,)), scores) if rng.random() < 0.5 else None
    return graph.attention(value, value, value, bias)


OPERATIONS = (
    transpose,
    reshape,
    convolution,
    linear,
    normalise,
    mean,
    affine,
    spread,
    turned_sum,
    gate,
    concatenate,
    cut,
    lstm,
    attention,
)


@settings(max_examples=40)
@given(
    st.lists(st.integers(1, 8), min_size=1, max_size=4),
    st.lists(st.sampled_from(OPERATIONS), min_size=1, max_size=9),
    st.integers(0, 999),
)
def test_a_random_graph_gives_the_same_on_both_runtimes(shape, operations, seed):
    def build(graph, value):
        rng = np.random.default_rng(seed)
        for operation in operations:
            if math.prod(graph.shape(value)) < FEW:
                value = operation(graph, value, rng)
        return value

    assert_same(build, np.random.default_rng(seed + 1).standard_normal(shape).astype(np.float32))


# ---------------------------------------------------------------------- what is made of it


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_convolutions_in_a_row_are_transposed_at_the_ends_alone(rng):
    kernel, bias = weights(rng, 8, 8, 3), weights(rng, 8)

    def build(graph, value):
        for _ in range(3):
            value = graph.gelu(
                graph.convolution(value, kernel, bias, stride=(1,), pad_begin=(1,), pad_end=(1,))
            )
        return value

    found = [each for each in operators(build, (1, 20, 8)) if each != "Reshape"]
    assert found == ["Transpose", *["Conv", "Gelu"] * 3, "Transpose", "Identity"]


def test_an_affine_map_after_a_product_changes_its_weights(rng):
    def build(graph, value):
        value = graph.linear(value, weights(rng, 6, 4), weights(rng, 6))
        return graph.add(graph.multiply(value, weights(rng, 6)), weights(rng, 6))

    assert operators(build, (5, 4)) == ["MatMul", "Add", "Identity"]


def test_a_gate_takes_each_half_of_the_channels_from_its_own_product(rng):
    weight, bias = weights(rng, 8, 3), weights(rng, 8)

    def build(graph, value):
        return gate(graph, graph.linear(value, weight, bias), rng)

    assert "Split" not in operators(build, (2, 7, 3))
    assert_same(build, weights(rng, 2, 7, 3))


def test_a_product_asked_for_twice_is_multiplied_once(rng):
    weight, bias = weights(rng, 8, 3), weights(rng, 8)

    def build(graph, value):
        product = graph.linear(value, weight, bias)
        return graph.add(graph.gelu(product), product)

    assert operators(build, (7, 3)).count("MatMul") == 1


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("offset", [0, 30])
def test_a_product_is_normalised_by_what_it_is_made_from(rng, rows, offset):
    weight, bias = weights(rng, 32, 4), weights(rng, 32) + np.float32(offset)
    convolved, none = weights(rng, 4, 4, 3), np.zeros(4, np.float32)

    def build(graph, value):
        value = graph.convolution(value, convolved, none, stride=(1,), pad_begin=(1,), pad_end=(1,))
        return graph.normalise(graph.linear(value, weight, bias), (1, 2), 1e-5)

    assert "InstanceNormalization" not in operators(build, (rows, 50, 4))
    assert_same(build, weights(rng, rows, 50, 4) * 3)


def test_silence_is_normalised_to_the_channels_alone(rng):
    weight, bias = weights(rng, 32, 4), weights(rng, 32)

    def build(graph, value):
        return graph.normalise(graph.linear(value, weight, bias), (1, 2), 1e-5)

    assert_same(build, np.zeros((2, 10, 4), np.float32))


def test_groups_of_channels_are_normalised_where_steps_come_as_channels(rng):
    """As after a transposed convolution: channels are neither first nor last in memory."""
    kernel, bias = weights(rng, 24, 5, 2), weights(rng, 24)

    def build(graph, value):
        value = graph.convolution(value, kernel, bias, stride=(1,), pad_begin=(1,), pad_end=(1,))
        value = graph.reshape(value, (-1, 2, 3))
        value = graph.normalise(graph.transpose(value, (1, 0, 2)), (1, 2), 1e-5)
        return graph.transpose(value, (1, 0, 2))

    assert_same(build, weights(rng, 1, 30, 5))


def test_a_long_song_is_averaged_without_losing_digits(rng):
    samples = (weights(rng, 1, 300_000, 2) + np.float32(5)).astype(np.float32)

    found = by_onnx(lambda graph, value: graph.normalise(value, (1, 2), 1e-5), samples)

    exact = samples.astype(np.float64)
    expected = (exact - exact.mean()) / np.sqrt(exact.var() + 1e-5)
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6)
