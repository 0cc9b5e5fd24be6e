"""The tensors of an ONNX graph in the making, and how a value gets into the layout wanted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from .onnx_layout import Layout, joined

_OPSET = 20
"""The first with a Gelu operation."""
_IR_VERSION = 10
"""What goes with it; newer numbers are refused by older runtimes."""
_CONTRIBUTED = "com.microsoft"
_CONTRIBUTIONS = ("MultiHeadAttention",)
"""Operators that ONNX Runtime adds to the standard's, under a domain of their own."""


Attribute = float | str | list[int]


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor by its name, or as the product that it will be, and how to read it."""

    tensor: str | Product
    layout: Layout

    @property
    def shape(self) -> tuple[int, ...]:
        return self.layout.shape


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """A convolution, or a product of matrices, whose weights may still change.

    What is done to its channels next is done to the weights, as long as nobody asks for samples.
    """

    operator: str
    source: str
    """What is multiplied, laid as the operator wants it."""
    weight: NDArray[np.float32]
    """``[out, in, *kernel]``"""
    bias: NDArray[np.float32]
    shape: tuple[int, ...]
    """Of the tensor to be."""
    attributes: Mapping[str, Attribute]
    given: Value | None = None
    """What is multiplied, where every sample of the result comes from one of it."""

    @property
    def axis(self) -> int:
        """Where the channels are in `shape`."""
        return 1 if self.operator == "Conv" else len(self.shape) - 1

    @property
    def around(self) -> tuple[int, int, int]:
        """Sizes of what is slower in memory than the channels, of them, and of what is faster."""
        before, after = self.shape[: self.axis], self.shape[self.axis + 1 :]
        return math.prod(before), len(self.bias), math.prod(after)

    def rows(self, start: int, stop: int) -> Product:
        """Keep some of the channels."""
        shape = (*self.shape[: self.axis], stop - start, *self.shape[self.axis + 1 :])
        weight, bias = self.weight[start:stop], self.bias[start:stop]
        return replace(self, weight=weight, bias=bias, shape=shape)

    def scaled(self, by: NDArray[np.float32]) -> Product:
        """Multiply every channel by its number of ``[out]``."""
        return replace(self, weight=(self.weight.T * by).T, bias=self.bias * by)

    def shifted(self, by: NDArray[np.float32]) -> Product:
        """Add to every channel its number of ``[out]``."""
        return replace(self, bias=self.bias + by)


class Tensors:
    """Nodes, constants, inputs and outputs; tensors are names, and their shapes are known."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._made: dict[tuple[object, ...], str] = {}
        """Reshaped and transposed tensors: none is made twice."""
        self._multiplied: dict[Product, str] = {}

    def model(self, name: str) -> onnx.ModelProto:
        """Finish the graph."""
        graph = helper.make_graph(
            self._nodes, name, self._inputs, self._outputs, self._initializers
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIBUTED, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)

    def input(self, name: str, shape: Sequence[int]) -> Value:
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))
        self._shapes[name] = tuple(shape)
        return Value(name, Layout.dense(shape))

    def output(self, name: str, value: Value) -> None:
        tensor = self.laid(value, range(len(value.shape)))
        self._nodes.append(helper.make_node("Identity", [tensor], [name]))
        shape = list(value.shape)
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    # ------------------------------------------------------------------ layouts

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        total, known = int(np.prod(value.shape)), -int(np.prod(shape))
        full = tuple(total // known if size == -1 else size for size in shape)
        layout = value.layout.reshaped(full)
        if layout is None:
            tensor = self.laid(value, range(len(value.shape)))
            return Value(tensor, Layout.dense(full))
        return Value(value.tensor, layout)

    def transpose(self, value: Value, order: Sequence[int]) -> Value:
        return Value(value.tensor, value.layout.transposed(order))

    def whole(self, value: Value, order: Sequence[int] | None = None) -> Value:
        """Put every axis of the value together in memory, in their order there or the one given."""
        order = value.layout.order if order is None else order
        return Value(self.laid(value, order), Layout.dense(value.shape, order))

    def together(self, value: Value, axis: int) -> Value:
        """Put one axis of the value together in memory."""
        return value if value.layout.is_together(axis) else self.whole(value)

    def laid(self, value: Value, order: Sequence[int]) -> str:
        """Give a tensor that has the axes of the value in some order."""
        tensor = self._permuted(*self._permutation(value, order))
        return self.shaped(tensor, tuple(value.shape[axis] for axis in order))

    def is_laid(self, value: Value, order: Sequence[int]) -> bool:
        """Whether that tensor is at hand already."""
        permutation = self._permutation(value, order)
        return len(permutation[2]) < 2 or permutation in self._made

    def _permutation(
        self, value: Value, order: Sequence[int]
    ) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
        places = [place for axis in order for place in value.layout.axes[axis]]
        return (self.tensor(value), *joined(value.layout.sizes, places))

    def _permuted(self, tensor: str, sizes: tuple[int, ...], order: tuple[int, ...]) -> str:
        key = (tensor, sizes, order)
        if len(order) < 2:
            return tensor
        if key not in self._made:
            self._made[key] = self._transposed(*key)
        return self._made[key]

    def _transposed(self, tensor: str, sizes: tuple[int, ...], order: tuple[int, ...]) -> str:
        """Transpose in up to two steps that the runtime has fast kernels for.

        Those are moving blocks, and swapping two neighbouring axes. Its kernel for all else
        takes eight times as long as the two together.
        """
        last, new_last = len(sizes) - 1, order[-1]
        if new_last == last:
            return self._swapped(tensor, sizes, order)
        first: tuple[int, ...]
        if sizes[last] >= sizes[new_last]:
            first = (*(axis for axis in order if axis != last), last)
        else:
            first = (*(axis for axis in range(last + 1) if axis != new_last), new_last)
        tensor = self._swapped(tensor, sizes, first)
        then = tuple(first.index(axis) for axis in order)
        return self._swapped(tensor, tuple(sizes[axis] for axis in first), then)

    def _swapped(self, tensor: str, sizes: tuple[int, ...], order: tuple[int, ...]) -> str:
        sizes, order = joined(sizes, order)
        if len(order) < 2:
            return tensor
        shape = tuple(sizes[axis] for axis in order)
        return self.node("Transpose", [self.shaped(tensor, sizes)], shape, perm=list(order))

    # ------------------------------------------------------------------ tensors

    def shaped(self, tensor: str, shape: tuple[int, ...]) -> str:
        """Give a tensor another shape, for which its samples stay where they are."""
        if self._shapes[tensor] == shape:
            return tensor
        if (tensor, shape) not in self._made:
            inputs = [tensor, self.integers(shape)]
            self._made[tensor, shape] = self.node("Reshape", inputs, shape)
        return self._made[tensor, shape]

    def stored(self, value: Value) -> tuple[int, ...]:
        """Shape of the value's tensor."""
        return self._shapes[self.tensor(value)]

    def tensor(self, value: Value) -> str:
        """Give the tensor that holds the value, multiplied now if it was not."""
        if isinstance(value.tensor, str):
            return value.tensor
        if value.tensor not in self._multiplied:
            self._multiplied[value.tensor] = self._multiply(value.tensor)
        return self._multiplied[value.tensor]

    def is_multiplied(self, product: Product) -> bool:
        """Whether its samples were asked for."""
        return product in self._multiplied

    def _multiply(self, product: Product) -> str:
        source, shape, bias = product.source, product.shape, self.constant(product.bias)
        if product.operator == "Conv":
            inputs = [source, self.constant(product.weight), bias]
            return self.node("Conv", inputs, shape, **product.attributes)
        multiplied = self.node("MatMul", [source, self.constant(product.weight.T)], shape)
        return self.node("Add", [multiplied, bias], shape)

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        shape: tuple[int, ...],
        **attributes: Attribute,
    ) -> str:
        """Add a node; ``shape`` is that of its only output."""
        name = self.name(shape)
        domain = _CONTRIBUTED if operator in _CONTRIBUTIONS else ""
        node = helper.make_node(operator, list(inputs), [name], domain=domain)
        for key, value in attributes.items():
            node.attribute.append(helper.make_attribute(key, value))
        self._nodes.append(node)
        return name

    def split(self, tensor: str, shape: tuple[int, ...], axis: int) -> tuple[str, str]:
        """Cut one axis in the middle."""
        half = tuple(size // 2 if each == axis else size for each, size in enumerate(shape))
        names = (self.name(half), self.name(half))
        inputs = [self.shaped(tensor, shape), self.integers((half[axis], half[axis]))]
        self._nodes.append(helper.make_node("Split", inputs, list(names), axis=axis))
        return names

    def name(self, shape: tuple[int, ...]) -> str:
        name = f"value_{len(self._shapes)}"
        self._shapes[name] = shape
        return name

    def constant(self, values: NDArray[np.float32]) -> str:
        """Keep an array ``[...]`` of any shape in the graph."""
        return self._initializer(np.asarray(values, np.float32))

    def integers(self, values: Sequence[int]) -> str:
        return self._initializer(np.array(values, np.int64))

    def _initializer(self, array: NDArray[np.generic]) -> str:
        name = f"constant_{len(self._initializers)}"
        self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name
