"""What all networks are put together from: layers by the names of their parameters.

Activations are channels last throughout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic

import numpy as np

from stemwright.engine.graph import Graph, LstmWeights, Node, Weights

NORM_EPSILON = 1e-5


class NetworkBuilder(Generic[Node]):
    """Adds layers to a graph, their weights taken from a state dict."""

    def __init__(self, graph: Graph[Node], state: Mapping[str, Weights]) -> None:
        self.graph = graph
        self.state = state

    def standardise(self, value: Node) -> tuple[Node, Node, Node]:
        """Normalise a whole input; the deviation is the unbiased one, as in the references."""
        graph = self.graph
        shape = graph.shape(value)
        size, axes = int(np.prod(shape)), tuple(range(len(shape)))
        mean = graph.mean(value, axes)
        centred = graph.subtract(value, mean)
        variance = graph.mean(graph.multiply(centred, centred), axes)
        deviation = graph.sqrt(graph.multiply(variance, np.array(size / (size - 1), np.float32)))
        scaled = graph.divide(centred, graph.add(deviation, np.array(NORM_EPSILON, np.float32)))
        return scaled, mean, deviation

    def destandardise(self, value: Node, mean: Node, deviation: Node) -> Node:
        """Undo `standardise`."""
        return self.graph.add(self.graph.multiply(value, deviation), mean)

    def convolve(
        self,
        value: Node,
        name: str,
        stride: Sequence[int],
        pad_begin: Sequence[int],
        pad_end: Sequence[int],
    ) -> Node:
        """Convolve by the parameters ``name``."""
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return self.graph.convolution(
            value, weight, bias, stride=stride, pad_begin=pad_begin, pad_end=pad_end
        )

    def pointwise(self, value: Node, name: str) -> Node:
        """Convolve with a kernel of size one: a linear map of the channels."""
        weight = self.state[f"{name}.weight"]
        return self.graph.linear(
            value, weight.reshape(weight.shape[:2]), self.state[f"{name}.bias"]
        )

    def gate(self, value: Node) -> Node:
        """Multiply the first half of the channels by the sigmoid of the second."""
        kept, gate = self.graph.halves(value)
        return self.graph.multiply(kept, self.graph.sigmoid(gate))

    def whole_norm(self, value: Node, name: str) -> Node:
        """Group normalisation with one group over ``[rows, time, channels]``."""
        normalised = self.graph.normalise(value, (1, 2), NORM_EPSILON)
        return self.affine(normalised, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def affine(self, value: Node, weight: Weights, bias: Weights) -> Node:
        """Multiply and shift every channel."""
        return self.graph.add(self.graph.multiply(value, weight), bias)

    def lstm_weights(self, name: str, suffix: str) -> LstmWeights:
        """Give one direction of an LSTM layer; ``suffix`` as in torch, such as ``l0_reverse``."""
        state = self.state
        bias = state[f"{name}.bias_ih_{suffix}"] + state[f"{name}.bias_hh_{suffix}"]
        weights = state[f"{name}.weight_ih_{suffix}"], state[f"{name}.weight_hh_{suffix}"]
        return LstmWeights(*weights, bias)
