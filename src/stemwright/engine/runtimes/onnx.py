"""The ONNX Runtime: the second runtime, for machines that OpenVINO does not serve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from stemwright.engine import networks
from stemwright.engine.framing import framing_of

if TYPE_CHECKING:
    from stemwright.engine.graph import LstmWeights, Weights

_OPSET = 20
"""The first with a Gelu operation."""
_IR_VERSION = 10
"""What goes with it; newer numbers are refused by older runtimes."""
_LARGEST_SUM = 1 << 18
"""Samples that a fused normalisation adds up well enough."""
_LONG_AXIS = 1 << 12


class OnnxGraph:
    """Lowers a network to ONNX operators; values are their names."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._shapes: dict[str, tuple[int, ...]] = {}

    def model(self, name: str) -> onnx.ModelProto:
        """Finish the graph."""
        graph = helper.make_graph(
            self._nodes, name, self._inputs, self._outputs, self._initializers
        )
        opset = helper.make_opsetid("", _OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)

    def input(self, name: str, shape: Sequence[int]) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))
        self._shapes[name] = tuple(shape)
        return name

    def output(self, name: str, value: str) -> None:
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        shape = list(self._shapes[value])
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def shape(self, value: str) -> tuple[int, ...]:
        return self._shapes[value]

    def convolution(
        self,
        value: str,
        weight: Weights,
        bias: Weights,
        *,
        stride: Sequence[int],
        pad_begin: Sequence[int],
        pad_end: Sequence[int],
        dilation: Sequence[int] | None = None,
    ) -> str:
        dilation = dilation or [1] * len(stride)
        rank = len(stride) + 2
        planar = self.transpose(value, (0, rank - 1, *range(1, rank - 1)))
        batch, _, *space = self.shape(planar)
        reach = [gap * (size - 1) for gap, size in zip(dilation, weight.shape[2:], strict=True)]
        sizes = zip(space, pad_begin, pad_end, reach, stride, strict=True)
        steps = [
            (size + before + after - far - 1) // step + 1
            for size, before, after, far, step in sizes
        ]
        convolved = self._node(
            "Conv",
            [planar, self._constant(weight), self._constant(bias)],
            (batch, len(weight), *steps),
            strides=list(stride),
            pads=[*pad_begin, *pad_end],
            dilations=list(dilation),
        )
        return self.transpose(convolved, (0, *range(2, rank), 1))

    def linear(self, value: str, weight: Weights, bias: Weights) -> str:
        shape = (*self.shape(value)[:-1], len(weight))
        product = self._node("MatMul", [value, self._constant(weight.T)], shape)
        return self.add(product, bias)

    def attention(self, query: str, key: str, value: str, bias: str | None = None) -> str:
        batch, heads, keys, width = self.shape(key)
        queries = self.shape(query)[2]
        turned = self.transpose(key, (0, 1, 3, 2))
        scores = self._node("MatMul", [query, turned], (batch, heads, queries, keys))
        if bias is not None:
            scores = self.add(scores, bias)
        weights = self._node("Softmax", [scores], self.shape(scores), axis=-1)
        return self._node("MatMul", [weights, value], (batch, heads, queries, width))

    def lstm(self, value: str, forward: LstmWeights, backward: LstmWeights) -> str:
        batch, steps, _ = self.shape(value)
        hidden = forward.hidden.shape[1]
        inputs, recurrent, bias = (
            np.stack([_gates_as_onnx(one), _gates_as_onnx(other)])
            for one, other in zip(forward, backward, strict=True)
        )
        # ONNX keeps PyTorch's two biases apart
        bias = np.concatenate([bias, np.zeros_like(bias)], axis=1)
        weights = [self._constant(each) for each in (inputs, recurrent, bias)]
        sequence = self._node(
            "LSTM",
            [self.transpose(value, (1, 0, 2)), *weights],
            (steps, 2, batch, hidden),
            hidden_size=hidden,
            direction="bidirectional",
        )
        return self.reshape(self.transpose(sequence, (2, 0, 1, 3)), (batch, steps, 2 * hidden))

    def normalise(self, value: str, axes: Sequence[int], epsilon: float) -> str:
        shape = self.shape(value)
        if tuple(axes) == (-1,):
            ones = self._constant(np.ones(shape[-1], np.float32))
            return self._node("LayerNormalization", [value, ones], shape, epsilon=epsilon)
        if shape[0] == 1 or np.prod(shape[1:]) > _LARGEST_SUM:
            return self._normalise_in_steps(value, axes, epsilon)
        # all axes but the first: an instance normalisation whose channels are the rows
        flat = self.reshape(value, (1, shape[0], -1))
        scale, shift = (self._constant(fill(shape[0], np.float32)) for fill in (np.ones, np.zeros))
        normalised = self._node(
            "InstanceNormalization", [flat, scale, shift], self.shape(flat), epsilon=epsilon
        )
        return self.reshape(normalised, shape)

    def _normalise_in_steps(self, value: str, axes: Sequence[int], epsilon: float) -> str:
        """Normalise very many samples at once, for which the fused operators are too coarse.

        They add up naively in float32; on a whole segment that costs an error of 1e-4.
        """
        centred = self.subtract(value, self.mean(value, axes))
        variance = self.mean(self.multiply(centred, centred), axes)
        return self.divide(centred, self.sqrt(self.add(variance, np.array(epsilon, np.float32))))

    def mean(self, value: str, axes: Sequence[int]) -> str:
        # one axis after the other, and a long one in two steps, for the same reason
        for axis in axes:
            size = list(self.shape(value))
            if (part := _divisor(size[axis])) > 1:
                cut = [*size[:axis], size[axis] // part, part, *size[axis + 1 :]]
                value = self._mean(self.reshape(value, cut), axis + 1)
                value = self.reshape(value, [*size[:axis], size[axis] // part, *size[axis + 1 :]])
            value = self._mean(value, axis)
        return value

    def _mean(self, value: str, axis: int) -> str:
        size = list(self.shape(value))
        size[axis] = 1
        return self._node("ReduceMean", [value, self._integers((axis,))], tuple(size), keepdims=1)

    def sqrt(self, value: str) -> str:
        return self._node("Sqrt", [value], self.shape(value))

    def gelu(self, value: str) -> str:
        return self._node("Gelu", [value], self.shape(value))

    def sigmoid(self, value: str) -> str:
        return self._node("Sigmoid", [value], self.shape(value))

    def add(self, left: str, right: str | NDArray[np.float32]) -> str:
        return self._broadcast("Add", left, right)

    def subtract(self, left: str, right: str | NDArray[np.float32]) -> str:
        return self._broadcast("Sub", left, right)

    def multiply(self, left: str, right: str | NDArray[np.float32]) -> str:
        return self._broadcast("Mul", left, right)

    def divide(self, left: str, right: str | NDArray[np.float32]) -> str:
        return self._broadcast("Div", left, right)

    def halves(self, value: str) -> tuple[str, str]:
        half = self.shape(value)[-1] // 2
        shape = (*self.shape(value)[:-1], half)
        names = (self._name(shape), self._name(shape))
        sizes = self._integers((half, half))
        self._nodes.append(helper.make_node("Split", [value, sizes], list(names), axis=-1))
        return names

    def concatenate(self, values: Sequence[str | NDArray[np.float32]], axis: int) -> str:
        names = [each if isinstance(each, str) else self._constant(each) for each in values]
        sizes = [self.shape(each) if isinstance(each, str) else np.shape(each) for each in values]
        shape = list(sizes[0])
        shape[axis] = sum(size[axis] for size in sizes)
        return self._node("Concat", names, tuple(shape), axis=axis)

    def reshape(self, value: str, shape: Sequence[int]) -> str:
        known = -int(np.prod(shape))
        total = int(np.prod(self.shape(value)))
        full = tuple(total // known if size == -1 else size for size in shape)
        return self._node("Reshape", [value, self._integers(full)], full)

    def transpose(self, value: str, order: Sequence[int]) -> str:
        shape = tuple(self.shape(value)[axis] for axis in order)
        return self._node("Transpose", [value], shape, perm=list(order))

    def slice(self, value: str, axis: int, start: int, stop: int) -> str:
        shape = list(self.shape(value))
        shape[axis] = stop - start
        bounds = [self._integers((each,)) for each in (start, stop, axis)]
        return self._node("Slice", [value, *bounds], tuple(shape))

    def _broadcast(self, operator: str, left: str, right: str | NDArray[np.float32]) -> str:
        if isinstance(right, str):
            shape = np.broadcast_shapes(self.shape(left), self.shape(right))
            return self._node(operator, [left, right], shape)
        shape = np.broadcast_shapes(self.shape(left), np.shape(right))
        return self._node(operator, [left, self._constant(right)], shape)

    def _node(
        self,
        operator: str,
        inputs: list[str],
        shape: tuple[int, ...],
        **attributes: float | str | list[int],
    ) -> str:
        name = self._name(shape)
        node = helper.make_node(operator, inputs, [name])
        for key, value in attributes.items():
            node.attribute.append(helper.make_attribute(key, value))
        self._nodes.append(node)
        return name

    def _name(self, shape: tuple[int, ...]) -> str:
        name = f"value_{len(self._shapes)}"
        self._shapes[name] = shape
        return name

    def _constant(self, values: NDArray[np.float32]) -> str:
        return self._initializer(np.asarray(values, np.float32))

    def _integers(self, values: Sequence[int]) -> str:
        return self._initializer(np.array(values, np.int64))

    def _initializer(self, array: NDArray[np.generic]) -> str:
        name = f"constant_{len(self._initializers)}"
        self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def _divisor(size: int) -> int:
    """The divisor of a long axis nearest to its root; 1 for a short axis."""
    if size < _LONG_AXIS:
        return 1
    return next(part for part in range(math.isqrt(size), 0, -1) if size % part == 0)


def _gates_as_onnx(weights: Weights) -> Weights:
    """Reorder the gates of an LSTM from PyTorch's input, forget, cell, output."""
    first, forget, cell, last = np.split(weights, 4)
    return np.concatenate([first, last, forget, cell])


class OnnxRuntime:
    """Runs a network through ONNX Runtime's CPU provider, in f32, one segment at a time."""

    segments_in_flight = 1

    def __init__(
        self, state: Mapping[str, Weights], shape: networks.NetworkShape, *, threads: int | None
    ) -> None:
        self.sources = shape.sources
        self.segment_samples = shape.segment_samples
        self.description = f"onnxruntime {ort.__version__}, f32, {threads or 'all'} threads"
        self.normalised = shape.normalised
        self._framing = framing_of(shape)
        graph = OnnxGraph()
        networks.build(graph, state, shape)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or 0  # 0: one a physical core
        options.log_severity_level = 3
        # planning one block of memory for all values costs 1.8 GB and 4 s, and saves nothing here
        options.enable_mem_pattern = False
        model = graph.model("network").SerializeToString()
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def infer(self, segment: NDArray[np.float32]) -> NDArray[np.float32]:
        """Separate ``[2, segment_samples]`` into ``[sources, 2, segment_samples]``."""
        names = self._framing.outputs
        found = self._session.run(list(names), self._framing.inputs(segment))
        stems = self._framing.stems(dict(zip(names, found, strict=True)))
        return stems.reshape(len(self.sources), 2, self.segment_samples)

    def close(self) -> None:
        """Release the session."""
        self._framing.close()
        del self._session
