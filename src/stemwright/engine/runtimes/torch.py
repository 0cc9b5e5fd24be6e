"""The torch runtime: for CUDA devices, and an extra; nothing imports it unless it is asked for.

The graph is written down once as a list of operations and replayed for every segment. STFT and
network both run on the device; what crosses to it is a segment, what comes back is its stems.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from stemwright.engine import networks

from .batches import Batches
from .torch_parts import folding, transform_of

if TYPE_CHECKING:
    from stemwright.engine.graph import LstmWeights, Weights

    from . import Precision

_DTYPES: Final = {"f32": torch.float32, "bf16": torch.bfloat16}

_RANK_1D: Final = 3
_SEGMENT_BYTES: Final = {"f32": 2 << 30, "bf16": 1 << 30}
"""What a segment in a batch takes at most; a batch that does not fit is halved."""
_MOST_SEGMENTS: Final = 16

_Operation = Callable[..., torch.Tensor]


class TorchGraph:
    """Writes a network down as torch operations; a value is its place in the list of values."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self._device = device
        self._dtype = dtype
        self._shapes: list[tuple[int, ...]] = []
        self._steps: list[tuple[int, _Operation, tuple[int, ...]]] = []
        self._inputs: dict[str, int] = {}
        self._outputs: dict[str, int] = {}

    def run(self, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Replay the operations on float32 inputs; every value is dropped after its last use."""
        values: dict[int, torch.Tensor] = {
            self._inputs[name]: tensor for name, tensor in inputs.items()
        }
        kept = set(self._outputs.values())
        last = {
            operand: at for at, (_, _, operands) in enumerate(self._steps) for operand in operands
        }
        for at, (result, operation, operands) in enumerate(self._steps):
            values[result] = operation(*(values[operand] for operand in operands))
            for operand in set(operands) - kept:
                if last[operand] == at:
                    del values[operand]
        return {name: values[place] for name, place in self._outputs.items()}

    def input(self, name: str, shape: Sequence[int]) -> int:
        self._inputs[name] = self._value(tuple(shape))
        return self._inputs[name]

    def output(self, name: str, value: int) -> None:
        self._outputs[name] = value

    def shape(self, value: int) -> tuple[int, ...]:
        return self._shapes[value]

    def convolution(
        self,
        value: int,
        weight: Weights,
        bias: Weights,
        *,
        stride: Sequence[int],
        pad_begin: Sequence[int],
        pad_end: Sequence[int],
        dilation: Sequence[int] | None = None,
    ) -> int:
        rank = len(stride) + 2
        planar, back = (0, rank - 1, *range(1, rank - 1)), (0, *range(2, rank), 1)
        convolve = functional.conv1d if rank == _RANK_1D else functional.conv2d
        kernel, shift = self._half(weight), self._half(bias)
        spread = tuple(dilation or [1] * len(stride))
        # torch names the edges from the last axis to the first
        pairs = reversed(list(zip(pad_begin, pad_end, strict=True)))
        edges = [edge for pair in pairs for edge in pair]

        def operation(given: torch.Tensor) -> torch.Tensor:
            padded = functional.pad(given.to(self._dtype).permute(planar), edges)
            turned = convolve(padded, kernel, shift, tuple(stride), dilation=spread)
            return turned.permute(back)

        batch, *space, _ = self.shape(value)
        sizes = zip(space, pad_begin, pad_end, spread, weight.shape[2:], stride, strict=True)
        steps = [
            (size + before + after - gap * (taps - 1) - 1) // step + 1
            for size, before, after, gap, taps, step in sizes
        ]
        return self._derived(operation, (batch, *steps, len(weight)), value)

    def linear(self, value: int, weight: Weights, bias: Weights) -> int:
        matrix, shift = self._half(weight), self._half(bias)
        return self._derived(
            lambda given: functional.linear(given.to(self._dtype), matrix, shift),
            (*self.shape(value)[:-1], len(weight)),
            value,
        )

    def attention(self, query: int, key: int, value: int, bias: int | None = None) -> int:
        def operation(
            queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, *bias: torch.Tensor
        ) -> torch.Tensor:
            mask = bias[0].to(queries.dtype) if bias else None
            return functional.scaled_dot_product_attention(queries, keys, values, mask, scale=1.0)

        biased = () if bias is None else (bias,)
        return self._derived(folding(operation), self.shape(query), query, key, value, *biased)

    def lstm(self, value: int, forward: LstmWeights, backward: LstmWeights) -> int:
        size = forward.hidden.shape[1]
        layer = torch.nn.LSTM(
            forward.input.shape[1], size, batch_first=True, bidirectional=True
        ).requires_grad_(requires_grad=False)
        for suffix, weights in (("", forward), ("_reverse", backward)):
            getattr(layer, f"weight_ih_l0{suffix}").copy_(torch.from_numpy(weights.input))
            getattr(layer, f"weight_hh_l0{suffix}").copy_(torch.from_numpy(weights.hidden))
            getattr(layer, f"bias_ih_l0{suffix}").copy_(torch.from_numpy(weights.bias))
            getattr(layer, f"bias_hh_l0{suffix}").zero_()
        layer = layer.to(self._device, self._dtype)
        batch, steps, _ = self.shape(value)
        return self._derived(
            folding(lambda given: layer(given.to(self._dtype))[0]),
            (batch, steps, 2 * size),
            value,
        )

    def normalise(self, value: int, axes: Sequence[int], epsilon: float) -> int:
        # in float32: half precision cannot add up a million squares
        def operation(given: torch.Tensor) -> torch.Tensor:
            exact = given.float()
            variance, mean = torch.var_mean(exact, tuple(axes), correction=0, keepdim=True)
            return ((exact - mean) * torch.rsqrt(variance + epsilon)).to(given.dtype)

        return self._derived(operation, self.shape(value), value)

    def mean(self, value: int, axes: Sequence[int]) -> int:
        shape = tuple(1 if axis in axes else size for axis, size in enumerate(self.shape(value)))
        return self._derived(lambda given: given.mean(tuple(axes), keepdim=True), shape, value)

    def sqrt(self, value: int) -> int:
        return self._derived(torch.sqrt, self.shape(value), value)

    def gelu(self, value: int) -> int:
        return self._derived(functional.gelu, self.shape(value), value)

    def sigmoid(self, value: int) -> int:
        return self._derived(torch.sigmoid, self.shape(value), value)

    def add(self, left: int, right: int | NDArray[np.float32]) -> int:
        return self._broadcast(torch.add, left, right)

    def subtract(self, left: int, right: int | NDArray[np.float32]) -> int:
        return self._broadcast(torch.sub, left, right)

    def multiply(self, left: int, right: int | NDArray[np.float32]) -> int:
        return self._broadcast(torch.mul, left, right)

    def divide(self, left: int, right: int | NDArray[np.float32]) -> int:
        return self._broadcast(torch.div, left, right)

    def halves(self, value: int) -> tuple[int, int]:
        axis, half = len(self.shape(value)) - 1, self.shape(value)[-1] // 2
        return self.slice(value, axis, 0, half), self.slice(value, axis, half, 2 * half)

    def concatenate(self, values: Sequence[int | NDArray[np.float32]], axis: int) -> int:
        constants = {
            place: self._exact(value)
            for place, value in enumerate(values)
            if isinstance(value, np.ndarray)
        }

        def operation(*given: torch.Tensor) -> torch.Tensor:
            rest = iter(given)
            parts = [
                constants[place].to(given[0].dtype) if place in constants else next(rest)
                for place in range(len(values))
            ]
            return torch.cat(parts, axis)

        sizes = [self.shape(each) if isinstance(each, int) else each.shape for each in values]
        shape = list(sizes[0])
        shape[axis] = sum(size[axis] for size in sizes)
        operands = (each for each in values if isinstance(each, int))
        return self._derived(operation, tuple(shape), *operands)

    def reshape(self, value: int, shape: Sequence[int]) -> int:
        total, known = math.prod(self.shape(value)), -math.prod(shape)
        full = tuple(total // known if size == -1 else size for size in shape)
        return self._derived(lambda given: given.reshape(full), full, value)

    def transpose(self, value: int, order: Sequence[int]) -> int:
        shape = tuple(self.shape(value)[axis] for axis in order)
        return self._derived(lambda given: given.permute(tuple(order)), shape, value)

    def slice(self, value: int, axis: int, start: int, stop: int) -> int:
        shape = list(self.shape(value))
        shape[axis] = stop - start
        return self._derived(
            lambda given: given.narrow(axis, start, stop - start), tuple(shape), value
        )

    def _broadcast(self, operation: _Operation, left: int, right: int | NDArray[np.float32]) -> int:
        if isinstance(right, int):
            shape = np.broadcast_shapes(self.shape(left), self.shape(right))
            return self._derived(operation, shape, left, right)
        constant = self._exact(right)
        shape = np.broadcast_shapes(self.shape(left), right.shape)
        return self._derived(lambda given: operation(given, constant.to(given.dtype)), shape, left)

    def _derived(self, operation: _Operation, shape: tuple[int, ...], *operands: int) -> int:
        result = self._value(shape)
        self._steps.append((result, operation, operands))
        return result

    def _value(self, shape: tuple[int, ...]) -> int:
        self._shapes.append(shape)
        return len(self._shapes) - 1

    def _half(self, weights: Weights) -> torch.Tensor:
        return self._exact(weights).to(self._dtype)

    def _exact(self, values: NDArray[np.float32]) -> torch.Tensor:
        array = np.array(values, np.float32, order="C")
        return torch.from_numpy(array).to(self._device)


class TorchRuntime:
    """Runs a network through torch, on a CUDA device if there is one, else on the processor.

    Segments that wait at the same time, of one song or of several, go through the network together:
    on a device as many as its memory holds, on the processor, which gains nothing by that, one.
    """

    def __init__(
        self,
        state: Mapping[str, Weights],
        shape: networks.NetworkShape,
        *,
        precision: Precision,
        threads: int | None = None,
        batch: int | None = None,
    ) -> None:
        self.sources = shape.sources
        self.segment_samples = shape.segment_samples
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if threads is not None:
            torch.set_num_threads(threads)
        self.normalised = shape.normalised
        self._transform = transform_of(shape, self._device)
        self._graph = TorchGraph(self._device, _DTYPES[precision])
        networks.build(self._graph, state, shape)
        most = batch or _batch_for(self._device, precision)
        # one batch at work and one that waits
        self.segments_in_flight = 1 if most == 1 else 2 * most
        self._batches = Batches(self._run, most)
        self.description = f"torch {torch.__version__}, {precision}, {self._device}"

    def infer(self, segment: NDArray[np.float32]) -> NDArray[np.float32]:
        """Separate ``[2, segment_samples]`` into ``[sources, 2, segment_samples]``."""
        separated = self._batches(np.ascontiguousarray(segment))
        return separated.reshape(len(self.sources), 2, self.segment_samples)

    def close(self) -> None:
        """Release the network."""
        self._batches.close()
        del self._graph
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _run(self, segments: Sequence[NDArray[np.float32]]) -> Sequence[NDArray[np.float32]]:
        """Separate a batch; where the device has too little memory for it, one half at a time."""
        try:
            with torch.inference_mode():
                given = torch.from_numpy(np.stack(segments)).to(self._device)
                # one segment needs no vectorising, which changes which kernels are chosen
                alone = len(segments) == 1
                stems = self._one(given[0])[None] if alone else torch.vmap(self._one)(given)
                return list(stems.cpu().numpy())
        except torch.cuda.OutOfMemoryError:
            if len(segments) == 1:
                raise
        half = len(segments) // 2
        return [*self._run(segments[:half]), *self._run(segments[half:])]

    def _one(self, segment: torch.Tensor) -> torch.Tensor:
        return self._transform.stems(self._graph.run(self._transform.inputs(segment)))


def _batch_for(device: torch.device, precision: Precision) -> int:
    """How many segments are separated together: as many as fit, and no more than gain."""
    if device.type != "cuda":
        return 1
    free, _ = torch.cuda.mem_get_info(device)
    return min(max(int(free // _SEGMENT_BYTES[precision]), 1), _MOST_SEGMENTS)


def prefers_bf16() -> bool:
    """Whether there is a CUDA device that multiplies bfloat16 matrices."""
    return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported())
