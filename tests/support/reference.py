"""Weights and exports made for tests, of the shape of the real ones; and where those are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from stemwright.engine.checkpoints import StateDict
from stemwright.engine.networks.parameters import htdemucs_shapes
from stemwright.settings import Settings

NARROW = 16
"""Width of the transformer: the real one is 512 and most of the file."""


def htdemucs_state(rng: np.random.Generator) -> StateDict:
    """Every parameter of a four-stem HTDemucs with a narrow transformer, random."""
    shapes = htdemucs_shapes(sources=4, bottom_channels=NARROW)
    return {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}


def installed_weights() -> Path:
    """Find the real htdemucs weights, or skip the test."""
    path = Settings.load().models_dir / "htdemucs" / "weights.safetensors"
    if not path.exists():
        pytest.skip("htdemucs is not installed: `make setup` installs it")
    return path


def onnx_of(state: StateDict) -> bytes:
    """Store a state as torch's exporter does: some parameters folded, nameless, told by scope."""
    export = _Export()
    for name, array in state.items():
        export.add(name, array)
    return export.to_bytes()


def onnx_with_external_tensor() -> bytes:
    """Name a tensor whose data lie in another file."""
    tensor = numpy_helper.from_array(np.zeros(2, np.float32), "a")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    node = helper.make_node("Identity", ["a"], ["b"], name="/Identity")
    return _model([node], [tensor])


@dataclass
class _Export:
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, name: str, array: NDArray[np.float32]) -> None:
        folded = list(_folded(name, array))
        for operation, tensor in folded:
            anonymous = f"onnx::{operation.split('_')[0]}_{len(self.tensors)}"
            self._node(_scope(name) + operation, [anonymous])
            self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(tensor), anonymous))
        if not folded:
            self.tensors.append(numpy_helper.from_array(array, name))

    def to_bytes(self) -> bytes:
        # Backwards: what a reader concludes must not hang on the order of operations.
        return _model(self.nodes[::-1], self.tensors)

    def _node(self, name: str, inputs: list[str]) -> None:
        operator = name.rpartition("/")[2].split("_")[0]
        output = f"{name}_output_0"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=name))


def _folded(name: str, array: NDArray[np.float32]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    module, _, parameter = name.rpartition(".")
    if name == "freq_emb.embedding.weight":
        yield "Expand", (array * np.float32(10)).T[None, :, :, None]
    elif module.endswith(("norm_out", ".0.1", ".0.4", ".1.1", ".1.4")) and array.ndim == 1:
        yield ("Mul" if parameter == "weight" else "Add"), array[:, None]
    elif parameter == "scale" and ".dconv." in name:
        yield "Mul", array[:, None]
    elif module.endswith(("linear1", "linear2")) and parameter == "weight":
        yield "MatMul", array.T
    elif ".layers." in name and module.endswith("cross_attn"):
        yield from _split(parameter, array)
    elif module.endswith("self_attn") and parameter == "in_proj_weight":
        yield "MatMul", array.T


def _split(parameter: str, array: NDArray[np.float32]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    operator = "MatMul" if parameter == "in_proj_weight" else "Add"
    yield operator, array[:NARROW].T
    yield f"{operator}_1", array[NARROW:].T


def _scope(name: str) -> str:
    """``encoder.0.dconv.layers.1.4.weight`` → ``/encoder.0/dconv/layers.1/layers.1.4/``."""
    if name.startswith("freq_emb"):
        return "/"
    parts = name.split(".")[:-1]
    if parts[0] == "crosstransformer":
        return f"/crosstransformer/{parts[1]}.{parts[2]}/{parts[3]}/"
    branch, level, _, layers, index, inner = parts
    return f"/{branch}.{level}/dconv/{layers}.{index}/{layers}.{index}.{inner}/"


def _model(nodes: list[onnx.NodeProto], tensors: list[onnx.TensorProto]) -> bytes:
    graph = helper.make_graph(nodes, "torch-jit-export", [], [], tensors)
    return bytes(helper.make_model(graph).SerializeToString())
