"""Lowers networks to ONNX operators, with as few transpositions as their kernels allow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .onnx_layout import Layout
from .onnx_tensors import Product, Tensors, Value

if TYPE_CHECKING:
    from stemwright.engine.graph import LstmWeights, Weights

_LARGEST_SUM = 1 << 18
"""Samples that a fused normalisation adds up well enough."""
_LONG_AXIS = 1 << 12
_WIDE = 4
"""Times as many channels out as in make it worth while to normalise a product by what goes in."""


class OnnxGraph(Tensors):
    """Lowers a network; values are tensors and how to read them."""

    def shape(self, value: Value) -> tuple[int, ...]:
        return value.shape

    # ------------------------------------------------------------------ products

    def convolution(
        self,
        value: Value,
        weight: Weights,
        bias: Weights,
        *,
        stride: Sequence[int],
        pad_begin: Sequence[int],
        pad_end: Sequence[int],
        dilation: Sequence[int] | None = None,
    ) -> Value:
        dilation = dilation or [1] * len(stride)
        batch, *space, _ = value.shape
        reach = [gap * (size - 1) for gap, size in zip(dilation, weight.shape[2:], strict=True)]
        sizes = zip(space, pad_begin, pad_end, reach, stride, strict=True)
        steps = [
            (size + before + after - far - 1) // step + 1
            for size, before, after, far, step in sizes
        ]
        last = len(stride) + 1
        shape = (batch, len(weight), *steps)
        attributes = {
            "strides": list(stride),
            "pads": [*pad_begin, *pad_end],
            "dilations": list(dilation),
        }
        planar = self.laid(value, (0, last, *range(1, last)))
        product = Product("Conv", planar, weight, bias, shape, attributes)
        return self.transpose(Value(product, Layout.dense(shape)), (0, *range(2, last + 1), 1))

    def linear(self, value: Value, weight: Weights, bias: Weights) -> Value:
        last = len(value.shape) - 1
        value = self.together(value, last)
        before, inputs, after = value.layout.around(last)
        outputs = len(weight)
        if after > 1:
            source = self.shaped(self.tensor(value), (before, inputs, after))
            weight, shape = weight[:, :, None], (before, outputs, after)
            product = Product("Conv", source, weight, bias, shape, {}, value)
        else:
            source = self.shaped(self.tensor(value), (before, inputs))
            product = Product("MatMul", source, weight, bias, (before, outputs), {}, value)
        return Value(product, value.layout.resized(last, outputs))

    def attention(self, query: Value, key: Value, value: Value, bias: Value | None = None) -> Value:
        batch, heads, tokens, width = query.shape
        merged = [
            self.shaped(self.laid(each, (0, 2, 1, 3)), (batch, each.shape[2], heads * width))
            for each in (query, key, value)
        ]
        if bias is not None:
            merged += ["", "", self.laid(bias, range(4))]
        tensor = self.node(
            "MultiHeadAttention",
            merged,
            (batch, tokens, heads * width),
            num_heads=heads,
            scale=1.0,
        )
        return Value(tensor, Layout.dense(query.shape, (0, 2, 1, 3)))

    def lstm(self, value: Value, forward: LstmWeights, backward: LstmWeights) -> Value:
        batch, steps, _ = value.shape
        hidden = forward.hidden.shape[1]
        inputs, recurrent, bias = (
            np.stack([_gates_as_onnx(one), _gates_as_onnx(other)])
            for one, other in zip(forward, backward, strict=True)
        )
        # ONNX keeps PyTorch's two biases apart
        bias = np.concatenate([bias, np.zeros_like(bias)], axis=1)
        weights = [self.constant(each) for each in (inputs, recurrent, bias)]
        sizes = (steps, 2, batch, hidden)
        tensor = self.node(
            "LSTM",
            [self.laid(value, (1, 0, 2)), *weights],
            sizes,
            hidden_size=hidden,
            direction="bidirectional",
        )
        return Value(tensor, Layout.of(sizes, ((2,), (0,), (1, 3))))

    # ------------------------------------------------------------------ statistics

    def normalise(self, value: Value, axes: Sequence[int], epsilon: float) -> Value:
        shape = value.shape
        if tuple(axes) == (-1,):
            value = self.whole(value, range(len(shape)))
            inputs = [self.tensor(value), self.constant(np.ones(shape[-1], np.float32))]
            tensor = self.node("LayerNormalization", inputs, shape, epsilon=epsilon)
            return Value(tensor, value.layout)
        if tuple(axes) == (1, 2) and (product := _wide_product(value)) is not None:
            return self._normalise_product(product, epsilon)
        if shape[0] == 1 or math.prod(shape[1:]) > _LARGEST_SUM:
            return self._normalise_in_steps(value, axes, epsilon)
        return self._normalise_rows(value, epsilon)

    def _normalise_rows(self, value: Value, epsilon: float) -> Value:
        """Normalise over all axes but the first: as instances whose channels are the rows."""
        if not value.layout.leads(0):
            value = self.whole(value, (0, *(axis for axis in value.layout.order if axis)))
        rows = value.shape[0]
        flat = (1, rows, math.prod(value.shape[1:]))
        constants = (self.constant(fill(rows, np.float32)) for fill in (np.ones, np.zeros))
        inputs = [self.shaped(self.tensor(value), flat), *constants]
        tensor = self.node("InstanceNormalization", inputs, flat, epsilon=epsilon)
        return Value(tensor, value.layout)

    def _normalise_product(self, product: Product, epsilon: float) -> Value:
        """Normalise ``Wx + b`` over ``[time, out]`` by what it is made from, ``[rows, time, in]``.

        Mean and deviation follow from a few linear maps of ``x``, and what is left to do is
        another one, of ``x / deviation``, ``1 / deviation`` and ``-mean / deviation``. So nothing
        as wide as the product is read or written for its norm.
        """
        given, bias = product.given, product.bias
        assert given is not None
        weight = product.weight.reshape(len(bias), -1)
        mean, variance = self._moments(given, weight, bias)
        deviation = self.sqrt(self.add(variance, np.array(epsilon, np.float32)))
        inputs = weight.shape[1]
        one, last = np.eye(inputs + 2, dtype=np.float32)[inputs:]
        wide = self.linear(given, np.eye(inputs + 2, inputs, dtype=np.float32), one)
        wide = self.divide(self.subtract(wide, self.multiply(mean, last)), deviation)
        weights = np.column_stack([weight, bias, np.ones_like(bias)])
        return self.linear(wide, weights, np.zeros_like(bias))

    def _moments(self, given: Value, weight: Weights, bias: Weights) -> tuple[Value, Value]:
        """Mean and variance of ``Wx + b`` over ``[time, out]``, for each row."""
        mean_map, spread_maps = _moment_maps(weight, bias)
        mean = self.linear(self.mean(given, (1,)), mean_map[:, :-1], mean_map[:, -1])
        # how the channels' mean moves in time is taken around the mean, lest digits cancel out
        maps = np.concatenate([spread_maps, mean_map])
        parts = self.linear(given, maps[:, :-1], maps[:, -1])
        last = np.eye(len(maps), dtype=np.float32)[-1]
        parts = self.subtract(parts, self.multiply(mean, last))
        power = self.mean(self.multiply(parts, parts), (1, 2))
        return mean, self.multiply(power, np.array(len(maps), np.float32))

    def _normalise_in_steps(self, value: Value, axes: Sequence[int], epsilon: float) -> Value:
        """Normalise very many samples at once, for which the fused operators are too coarse.

        They add up naively in float32; on a whole segment that costs an error of 1e-4.
        """
        centred = self.subtract(value, self.mean(value, axes))
        variance = self.mean(self.multiply(centred, centred), axes)
        return self.divide(centred, self.sqrt(self.add(variance, np.array(epsilon, np.float32))))

    def mean(self, value: Value, axes: Sequence[int]) -> Value:
        sizes = value.layout.sizes
        gone = {place for axis in axes for place in value.layout.axes[axis]}
        tensor, after, run = self.tensor(value), 1, 1
        for place in reversed(range(len(sizes))):
            run *= sizes[place] if place in gone else 1
            if place in gone and place - 1 not in gone:
                tensor = self._mean(tensor, (math.prod(sizes[:place]), run, after))
                run = 1
            after *= 1 if place in gone else sizes[place]
        return Value(tensor, value.layout.without(axes))

    def _mean(self, tensor: str, shape: tuple[int, ...]) -> str:
        """Mean over the middle axis, a long one in two steps for the same reason."""
        before, size, after = shape
        left: tuple[int, ...]
        if (part := _divisor(size)) > 1:
            parts = self._mean(tensor, (before * size // part, part, after))
            return self._mean(parts, (before, size // part, after))
        # an axis after it, be it of one, keeps the runtime from its fast kernel
        shape, left = ((before, size), (before,)) if after == 1 else (shape, (before, after))
        inputs = [self.shaped(tensor, shape), self.integers((1,))]
        return self.node("ReduceMean", inputs, left, keepdims=0)

    # ------------------------------------------------------------------ element by element

    def sqrt(self, value: Value) -> Value:
        return self._unary("Sqrt", value)

    def gelu(self, value: Value) -> Value:
        return self._unary("Gelu", value)

    def sigmoid(self, value: Value) -> Value:
        return self._unary("Sigmoid", value)

    def add(self, left: Value, right: Value | NDArray[np.float32]) -> Value:
        return self._binary("Add", left, right)

    def subtract(self, left: Value, right: Value | NDArray[np.float32]) -> Value:
        return self._binary("Sub", left, right)

    def multiply(self, left: Value, right: Value | NDArray[np.float32]) -> Value:
        return self._binary("Mul", left, right)

    def divide(self, left: Value, right: Value | NDArray[np.float32]) -> Value:
        return self._binary("Div", left, right)

    def _unary(self, operator: str, value: Value) -> Value:
        return Value(self.node(operator, [self.tensor(value)], self.stored(value)), value.layout)

    def _binary(self, operator: str, left: Value, right: Value | NDArray[np.float32]) -> Value:
        if isinstance(right, np.ndarray) and (product := self._folded(operator, left, right)):
            return Value(product, left.layout)
        shape = np.broadcast_shapes(left.shape, right.shape)
        values = [each for each in (left, right) if isinstance(each, Value)]
        layout = self._layout_for(shape, values)
        tensors = [self._spread(each, layout) for each in (left, right)]
        return Value(self.node(operator, tensors, layout.sizes), layout)

    def _folded(self, operator: str, left: Value, right: NDArray[np.float32]) -> Product | None:
        """Do to the weights what is to be done to the channels, if they still wait for it."""
        product = self._pending(left)
        if product is None or right.shape != product.bias.shape:
            return None
        if operator == "Mul":
            return product.scaled(right)
        return product.shifted(right) if operator == "Add" else None

    def _pending(self, value: Value) -> Product | None:
        """Give the product that a value will be, if its channels are the value's last axis."""
        product = _product(value)
        return None if product is None or self.is_multiplied(product) else product

    def _layout_for(self, shape: tuple[int, ...], values: Sequence[Value]) -> Layout:
        """Choose a layout in which as many as possible of those that have all samples are."""
        large = [value.layout for value in values if value.shape == shape]
        for layout in large:
            if all(self.is_laid(*self._split_as(value, layout)) for value in values):
                return layout
        return large[0] if large else Layout.dense(shape)

    def _spread(self, value: Value | NDArray[np.float32], layout: Layout) -> str:
        """Give a tensor that broadcasts over the axes in memory of a layout."""
        if isinstance(value, Value):
            return self.laid(*self._split_as(value, layout))
        shape, order = _broadcasting(value.shape, layout)
        return self.constant(value.reshape(shape).transpose(order))

    def _split_as(self, value: Value, layout: Layout) -> tuple[Value, Sequence[int]]:
        shape, order = _broadcasting(value.shape, layout)
        return self.reshape(value, shape), order

    # ------------------------------------------------------------------ parts

    def halves(self, value: Value) -> tuple[Value, Value]:
        last = len(value.shape) - 1
        value = self.together(value, last)
        before, size, after = value.layout.around(last)
        layout = value.layout.resized(last, size // 2)
        halves: Sequence[str | Product]
        if (product := self._pending(value)) is not None:
            halves = product.rows(0, size // 2), product.rows(size // 2, size)
        else:
            halves = self.split(self.tensor(value), (before, size, after), 1)
        kept, gate = (Value(half, layout) for half in halves)
        return kept, gate

    def concatenate(self, values: Sequence[Value | NDArray[np.float32]], axis: int) -> Value:
        order = next(each.layout.order for each in values if isinstance(each, Value))
        tensors = [
            self.laid(each, order)
            if isinstance(each, Value)
            else self.constant(each.transpose(order))
            for each in values
        ]
        shape = list(values[0].shape)
        shape[axis] = sum(each.shape[axis] for each in values)
        sizes = tuple(shape[each] for each in order)
        tensor = self.node("Concat", tensors, sizes, axis=order.index(axis))
        return Value(tensor, Layout.dense(shape, order))

    def slice(self, value: Value, axis: int, start: int, stop: int) -> Value:
        value = self.together(value, axis)
        before, size, after = value.layout.around(axis)
        bounds = [self.integers((each,)) for each in (start, stop, 1)]
        inputs = [self.shaped(self.tensor(value), (before, size, after)), *bounds]
        tensor = self.node("Slice", inputs, (before, stop - start, after))
        return Value(tensor, value.layout.resized(axis, stop - start))


def _product(value: Value) -> Product | None:
    """Give the product that a value is made of, if its channels are the value's last axis."""
    product, last = value.tensor, len(value.shape) - 1
    if isinstance(product, str) or not value.layout.is_together(last):
        return None
    return product if value.layout.around(last) == product.around else None


def _wide_product(value: Value) -> Product | None:
    """Give the product ``[rows, time, out]`` that a value is made of, if far more comes out."""
    product = _product(value)
    if product is None or product.given is None or len(value.shape) != 3:
        return None
    given, outputs = product.given, len(product.bias)
    as_made = value.layout == given.layout.resized(2, outputs)
    return product if as_made and outputs >= _WIDE * given.shape[-1] else None


def _moment_maps(weight: Weights, bias: Weights) -> tuple[Weights, Weights]:
    """Linear maps of ``[x, 1]``: the mean over channels of ``Wx + b``, and some for its variance.

    The squares of the latter add up to the variance over channels.
    """
    both = np.concatenate([weight, bias[:, None]], axis=1).astype(np.float64)
    mean = both.mean(axis=0, keepdims=True)
    centred = both - mean
    powers, directions = np.linalg.eigh(centred.T @ centred / len(both))
    roots = directions * np.sqrt(np.maximum(powers, 0))
    return mean.astype(np.float32), roots.T.astype(np.float32)


def _broadcasting(shape: Sequence[int], layout: Layout) -> tuple[tuple[int, ...], list[int]]:
    """Axes for each axis in memory of a layout that ``shape`` broadcasts to, and their order there.

    An axis of size one becomes as many of them as the layout's has parts.
    """
    padded = [1] * (len(layout.axes) - len(shape)) + list(shape)
    places = [place for axis in layout.axes for place in axis]
    owners = [axis for axis, parts in enumerate(layout.axes) for _ in parts]
    sizes = zip(places, owners, strict=True)
    split = tuple(1 if padded[axis] == 1 else layout.sizes[place] for place, axis in sizes)
    return split, sorted(range(len(places)), key=places.__getitem__)


def _divisor(size: int) -> int:
    """The divisor of a long axis nearest to its root; 1 for a short axis."""
    if size < _LONG_AXIS:
        return 1
    return next(part for part in range(math.isqrt(size), 0, -1) if size % part == 0)


def _gates_as_onnx(weights: Weights) -> Weights:
    """Reorder the gates of an LSTM from PyTorch's input, forget, cell, output."""
    first, forget, cell, last = np.split(weights, 4)
    return np.concatenate([first, last, forget, cell])
