"""The OpenVINO runtime: the default on every CPU it serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from stemwright.engine import networks
from stemwright.engine.framing import framing_of

from .openvino_import import openvino as ov
from .openvino_import import operations as ops

if TYPE_CHECKING:
    from stemwright.engine.graph import LstmWeights, Weights

Precision = Literal["bf16", "f32"]


class OpenVinoGraph:
    """Lowers a network to OpenVINO's operation set 13."""

    def __init__(self) -> None:
        self.inputs: list[ov.Node] = []
        self.outputs: list[ov.Node] = []
        # constants share the weights' memory, so the arrays must outlive the compilation
        self._kept: list[NDArray[np.generic]] = []

    def model(self, name: str) -> ov.Model:
        """Finish the graph."""
        return ov.Model(self.outputs, self.inputs, name)

    def input(self, name: str, shape: Sequence[int]) -> ov.Output:
        parameter = ops.parameter(list(shape), np.float32)
        parameter.output(0).get_tensor().set_names({name})
        self.inputs.append(parameter)
        return parameter.output(0)

    def output(self, name: str, value: ov.Output) -> None:
        result = ops.result(value)
        result.output(0).get_tensor().set_names({name})
        self.outputs.append(result)

    def shape(self, value: ov.Output) -> tuple[int, ...]:
        return tuple(value.get_shape())

    def convolution(
        self,
        value: ov.Output,
        weight: Weights,
        bias: Weights,
        *,
        stride: Sequence[int],
        pad_begin: Sequence[int],
        pad_end: Sequence[int],
        dilation: Sequence[int] | None = None,
    ) -> ov.Output:
        # the CPU plugin's convolution works channels last in memory whatever the shape says, so
        # that both transpositions vanish when the graph is compiled
        rank = len(stride) + 2
        first, last = (0, rank - 1, *range(1, rank - 1)), (0, *range(2, rank), 1)
        convolved = ops.convolution(
            self.transpose(value, first),
            self._constant(weight),
            list(stride),
            list(pad_begin),
            list(pad_end),
            list(dilation or [1] * len(stride)),
        )
        shifted = ops.add(convolved, self._constant(bias.reshape(1, -1, *[1] * len(stride))))
        return self.transpose(shifted.output(0), last)

    def linear(self, value: ov.Output, weight: Weights, bias: Weights) -> ov.Output:
        product = ops.matmul(value, self._constant(weight), transpose_a=False, transpose_b=True)
        return self.add(product.output(0), bias)

    def attention(
        self, query: ov.Output, key: ov.Output, value: ov.Output, bias: ov.Output | None = None
    ) -> ov.Output:
        # matmul, softmax, matmul: the plugin fuses the three into one kernel, which is measurably
        # faster here than its ScaledDotProductAttention operation
        scores = ops.matmul(query, key, transpose_a=False, transpose_b=True)
        if bias is not None:
            scores = ops.add(scores, bias)
        return ops.matmul(
            ops.softmax(scores, -1), value, transpose_a=False, transpose_b=False
        ).output(0)

    def lstm(self, value: ov.Output, forward: LstmWeights, backward: LstmWeights) -> ov.Output:
        batch, steps, _ = self.shape(value)
        hidden = forward.hidden.shape[1]
        start = np.zeros((batch, 2, hidden), np.float32)
        inputs, recurrent, bias = (
            np.stack([_gates_as_openvino(one), _gates_as_openvino(other)])
            for one, other in zip(forward, backward, strict=True)
        )
        sequence = ops.lstm_sequence(
            value,
            self._constant(start),
            self._constant(start),
            self._integers([steps] * batch),
            self._constant(inputs),
            self._constant(recurrent),
            self._constant(bias),
            hidden,
            "bidirectional",
        )
        # [batch, direction, time, hidden]
        turned = self.transpose(sequence.output(0), (0, 2, 1, 3))
        return self.reshape(turned, (batch, steps, 2 * hidden))

    def normalise(self, value: ov.Output, axes: Sequence[int], epsilon: float) -> ov.Output:
        return ops.mvn(
            value,
            self._integers(axes),
            normalize_variance=True,
            eps=epsilon,
            eps_mode="INSIDE_SQRT",
        ).output(0)

    def mean(self, value: ov.Output, axes: Sequence[int]) -> ov.Output:
        return ops.reduce_mean(value, self._integers(axes), keep_dims=True).output(0)

    def sqrt(self, value: ov.Output) -> ov.Output:
        return ops.sqrt(value).output(0)

    def gelu(self, value: ov.Output) -> ov.Output:
        return ops.gelu(value, "ERF").output(0)

    def sigmoid(self, value: ov.Output) -> ov.Output:
        return ops.sigmoid(value).output(0)

    def add(self, left: ov.Output, right: ov.Output | NDArray[np.float32]) -> ov.Output:
        return ops.add(left, self._operand(right)).output(0)

    def subtract(self, left: ov.Output, right: ov.Output | NDArray[np.float32]) -> ov.Output:
        return ops.subtract(left, self._operand(right)).output(0)

    def multiply(self, left: ov.Output, right: ov.Output | NDArray[np.float32]) -> ov.Output:
        return ops.multiply(left, self._operand(right)).output(0)

    def divide(self, left: ov.Output, right: ov.Output | NDArray[np.float32]) -> ov.Output:
        return ops.divide(left, self._operand(right)).output(0)

    def halves(self, value: ov.Output) -> tuple[ov.Output, ov.Output]:
        half = self.shape(value)[-1] // 2
        split = ops.variadic_split(value, ops.constant(np.int64(-1)), self._integers((half, half)))
        return split.output(0), split.output(1)

    def concatenate(
        self, values: Sequence[ov.Output | NDArray[np.float32]], axis: int
    ) -> ov.Output:
        return ops.concat([self._operand(value) for value in values], axis).output(0)

    def reshape(self, value: ov.Output, shape: Sequence[int]) -> ov.Output:
        return ops.reshape(value, self._integers(shape), special_zero=False).output(0)

    def transpose(self, value: ov.Output, order: Sequence[int]) -> ov.Output:
        return ops.transpose(value, self._integers(order)).output(0)

    def slice(self, value: ov.Output, axis: int, start: int, stop: int) -> ov.Output:
        bounds = (self._integers((each,)) for each in (start, stop, 1, axis))
        return ops.slice(value, *bounds).output(0)

    def _operand(self, value: ov.Output | NDArray[np.float32]) -> ov.Output:
        return self._constant(value) if isinstance(value, np.ndarray) else value

    def _constant(self, values: NDArray[np.float32]) -> ov.Output:
        array = np.asarray(values, np.float32, order="C")
        self._kept.append(array)
        return ops.constant(array, shared_memory=array.ndim > 0).output(0)

    def _integers(self, values: Sequence[int]) -> ov.Output:
        return ops.constant(np.array(values, np.int64)).output(0)


def _gates_as_openvino(weights: Weights) -> Weights:
    """Reorder the gates of an LSTM from PyTorch's input, forget, cell, output."""
    first, forget, cell, last = np.split(weights, 4)
    return np.concatenate([forget, first, cell, last])


class OpenVinoRuntime:
    """Runs a network through OpenVINO's CPU plugin.

    One segment at a time on all threads: on the machines measured, two streams of one thread each
    and batches of segments gave nothing.
    """

    segments_in_flight = 1

    def __init__(
        self,
        state: Mapping[str, Weights],
        shape: networks.NetworkShape,
        *,
        precision: Precision,
        threads: int | None,
    ) -> None:
        self.sources = shape.sources
        self.segment_samples = shape.segment_samples
        self.normalised = shape.normalised
        self._framing = framing_of(shape)
        graph = OpenVinoGraph()
        networks.build(graph, state, shape)
        options = {
            "INFERENCE_PRECISION_HINT": precision,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
        compiled = ov.Core().compile_model(graph.model("network"), "CPU", options)
        used = compiled.get_property("INFERENCE_NUM_THREADS")
        self.description = f"openvino {ov.__version__.split('-')[0]}, {precision}, {used} threads"
        self._request = compiled.create_infer_request()

    def infer(self, segment: NDArray[np.float32]) -> NDArray[np.float32]:
        """Separate ``[2, segment_samples]`` into ``[sources, 2, segment_samples]``."""
        self._request.infer(self._framing.inputs(segment), share_inputs=True)
        outputs = {name: self._request.get_tensor(name).data for name in self._framing.outputs}
        stems = self._framing.stems(outputs)
        return stems.reshape(len(self.sources), 2, self.segment_samples)

    def close(self) -> None:
        """Release the compiled network."""
        self._framing.close()
        del self._request


def supports_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
