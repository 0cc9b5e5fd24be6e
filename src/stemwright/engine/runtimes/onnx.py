"""The ONNX Runtime: the second runtime, for machines that OpenVINO does not serve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from stemwright.engine import networks
from stemwright.engine.framing import framing_of

from .onnx_graph import OnnxGraph

if TYPE_CHECKING:
    from stemwright.engine.graph import Weights


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
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or 0  # 0: one a physical core
        options.log_severity_level = 3
        # planning one block of memory for all values costs 1.8 GB and 4 s, and saves nothing here
        options.enable_mem_pattern = False
        model = _serialised(state, shape)
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


def _serialised(state: Mapping[str, Weights], shape: networks.NetworkShape) -> bytes:
    """Lower the network; the graph's own copies of the weights are gone when this returns."""
    graph = OnnxGraph()
    networks.build(graph, state, shape)
    serialised: bytes = graph.model("network").SerializeToString()
    return serialised
