"""Names and shapes of parameters in an ONNX export of HTDemucs: back to those of torch.

Most parameters keep their names in ``torch.onnx.export``. Where the exporter folded a transpose or
a reshape into one, the tensor is anonymous and the operation that uses it still carries the path of
the module: ``/encoder.0/dconv/layers.1/layers.1.4/Mul``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .architectures import StateDict
from .onnx_file import Graph

_EMBEDDING_SCALE: Final = np.float32(10)
"""``emb_scale`` of HTDemucs: what its ScaledEmbedding multiplies with, folded by the exporter."""


def named(graph: Graph) -> StateDict:
    """All parameters under torch's names and in its shapes, bit for bit as they are stored."""
    state = {name: array for name, array in graph.tensors.items() if "::" not in name}
    for scope, operands in _anonymous_operands(graph).items():
        for suffix, array in _restored(scope, operands):
            state[f"{scope}.{suffix}" if scope else suffix] = np.ascontiguousarray(array)
    return state


def _anonymous_operands(graph: Graph) -> dict[str, dict[str, list[NDArray[np.float32]]]]:
    """Collect nameless tensors by module and by operator: {module: {operator: tensors}}.

    Sorted by operation name, so that ``MatMul`` (queries) precedes ``MatMul_1`` (keys, values).
    """
    found: dict[str, dict[str, list[NDArray[np.float32]]]] = defaultdict(lambda: defaultdict(list))
    for node in sorted(graph.nodes, key=lambda node: node.name):
        for name in node.inputs:
            if "::" in name and name in graph.tensors:
                found[_module(node.name)][node.operator].append(graph.tensors[name])
    return found


def _module(operation: str) -> str:
    """Turn ``/encoder.0/dconv/layers.1/layers.1.4/Mul`` into ``encoder.0.dconv.layers.1.4``.

    Modules inside a ModuleList repeat the list's own path; the repetition is dropped.
    """
    parts: list[str] = []
    for part in operation.split("/")[1:-1]:
        if parts and part.startswith(parts[-1] + "."):
            parts.pop()
        parts.append(part)
    return ".".join(parts)


def _restored(
    scope: str, operands: Mapping[str, list[NDArray[np.float32]]]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Undo what the exporter folded: yields (parameter within the module, array in torch's shape).

    Mul and Add are the scale and shift of a GroupNorm, a lone Mul a LayerScale (both carry an
    extra axis); MatMul is a Linear, transposed; attention keeps its projections in one matrix,
    which the exporter splits for cross-attention; Expand is the frequency embedding.
    """
    match scope, operands:
        case _, {"Mul": [scale], "Add": [shift]}:
            yield "weight", scale.reshape(-1)
            yield "bias", shift.reshape(-1)
        case _, {"Mul": [scale]}:
            yield "scale", scale.reshape(-1)
        case _, {"MatMul": matrices} if scope.endswith("_attn"):
            yield "in_proj_weight", np.concatenate([matrix.T for matrix in matrices])
            if "Add" in operands:
                yield "in_proj_bias", np.concatenate(operands["Add"])
        case _, {"MatMul": [matrix]}:
            yield "weight", matrix.T
        case "", {"Expand": [embedding]}:
            # Dividing loses nothing: multiplied by ten again, float32 rounds to the stored value.
            yield "freq_emb.embedding.weight", embedding[0, :, :, 0].T / _EMBEDDING_SCALE
