"""The seam between a network's definition and the runtime that executes it.

A network (``engine/networks``) is written once, against :class:`Graph`; each runtime lowers these
few operations to its own graph. Tensors are *channels last*: ``[batch, time, channels]`` and
``[batch, frequency, time, channels]``. That is the memory order in which the CPU kernels of both
runtimes multiply matrices, and in which a transposed convolution's interleaving, a group
normalisation and a pointwise convolution need no reordering of memory at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]
Node = TypeVar("Node")


class LstmWeights(NamedTuple):
    """One direction of an LSTM layer, gates in PyTorch's order: input, forget, cell, output."""

    input: Weights
    """``[4 * hidden, in]``"""
    hidden: Weights
    """``[4 * hidden, hidden]``"""
    bias: Weights
    """``[4 * hidden]``: the sum of PyTorch's two."""


class Graph(Protocol[Node]):
    """Builds one static-shape graph, operation by operation.

    ``Node`` is whatever the runtime uses for a value in its graph. Weights are given in PyTorch's
    layout, for example ``[out, in, *kernel]`` for a convolution.
    """

    def input(self, name: str, shape: Sequence[int]) -> Node:
        """Declare a float32 input."""
        ...

    def output(self, name: str, value: Node) -> None:
        """Declare a float32 output."""
        ...

    def shape(self, value: Node) -> tuple[int, ...]:
        """Shape of a value; every dimension is known while the graph is built."""
        ...

    def convolution(
        self,
        value: Node,
        weight: Weights,
        bias: Weights,
        *,
        stride: Sequence[int],
        pad_begin: Sequence[int],
        pad_end: Sequence[int],
        dilation: Sequence[int] | None = None,
    ) -> Node:
        """Convolve ``[batch, *space, in]`` with ``[out, in, *kernel]``, one or two dimensions."""
        ...

    def linear(self, value: Node, weight: Weights, bias: Weights) -> Node:
        """Map the last axis by ``[out, in]`` and add ``[out]``."""
        ...

    def attention(self, query: Node, key: Node, value: Node, bias: Node | None = None) -> Node:
        """Softmax attention over ``[batch, heads, tokens, width]``; the query comes scaled.

        ``bias`` is added to the scores, ``[batch, heads, queries, keys]``.
        """
        ...

    def lstm(self, value: Node, forward: LstmWeights, backward: LstmWeights) -> Node:
        """Bidirectional LSTM layer: ``[batch, time, in]`` to ``[batch, time, 2 * hidden]``."""
        ...

    def normalise(self, value: Node, axes: Sequence[int], epsilon: float) -> Node:
        """Subtract the mean and divide by ``sqrt(variance + epsilon)`` over ``axes``."""
        ...

    def mean(self, value: Node, axes: Sequence[int]) -> Node:
        """Mean over ``axes``, which stay as ones."""
        ...

    def sqrt(self, value: Node) -> Node:
        """Square root."""
        ...

    def gelu(self, value: Node) -> Node:
        """Exact (erf) GELU."""
        ...

    def sigmoid(self, value: Node) -> Node:
        """Logistic function."""
        ...

    def add(self, left: Node, right: Node | NDArray[np.float32]) -> Node:
        """Sum, with NumPy's broadcasting."""
        ...

    def subtract(self, left: Node, right: Node | NDArray[np.float32]) -> Node:
        """Difference, with NumPy's broadcasting."""
        ...

    def multiply(self, left: Node, right: Node | NDArray[np.float32]) -> Node:
        """Product, with NumPy's broadcasting."""
        ...

    def divide(self, left: Node, right: Node | NDArray[np.float32]) -> Node:
        """Quotient, with NumPy's broadcasting."""
        ...

    def halves(self, value: Node) -> tuple[Node, Node]:
        """Split the last axis in the middle."""
        ...

    def concatenate(self, values: Sequence[Node | NDArray[np.float32]], axis: int) -> Node:
        """Put values one behind the other along an axis; at least one of them is no constant."""
        ...

    def reshape(self, value: Node, shape: Sequence[int]) -> Node:
        """Give the same values another shape."""
        ...

    def transpose(self, value: Node, order: Sequence[int]) -> Node:
        """Permute the axes."""
        ...

    def slice(self, value: Node, axis: int, start: int, stop: int) -> Node:
        """Keep ``start <= index < stop`` of one axis."""
        ...
