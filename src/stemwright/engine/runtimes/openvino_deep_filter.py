"""DeepFilterNet 3 on OpenVINO, as one network that goes on where the last call ended.

The published graphs start from silence every time: convolutions over time pad the past with zeros,
recurrent layers begin at zero. Here the padding gives way to frames kept from the call before, and
the recurrent layers' last state comes out and goes in again.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemwright.engine.deep_filter import BANDS, FILTERED, TAPS, Spectra, State

from .openvino_import import openvino as ov
from .openvino_import import operations as ops

Array = NDArray[np.float32]

FRAMES: Final = 100
"""Frames in a call: a second, long enough for the runtime to be at its best."""

_INPUTS: Final = {"feat_erb": (1, 1, FRAMES, BANDS), "feat_spec": (1, 2, FRAMES, FILTERED)}
_PASTS: Final = {
    "feat_erb": (1, 1, 2, BANDS),
    "feat_spec": (1, 2, 2, FILTERED),
    "c0": (1, 64, 4, FILTERED),
}
"""What a convolution over time looks back on: the last frames of the tensor of that name."""
_HIDDEN: Final = (1, 1, 256)
_TIME: Final = 2  # the axis


class OpenVinoDeepFilter:
    """One channel at a time, in f32: the network is small, and fast enough without bf16."""

    frames = FRAMES

    def __init__(self, encoder: bytes, gains: bytes, taps: bytes, *, threads: int | None) -> None:
        core = ov.Core()
        graph = _Joined(*(core.read_model(each) for each in (encoder, gains, taps)))
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
        self._state_shapes = graph.state_shapes
        self._request = core.compile_model(graph.model(), "CPU", options).create_infer_request()

    def start(self) -> State:
        return tuple(np.zeros(shape, np.float32) for shape in self._state_shapes)

    def infer(self, levels: Array, bins: Spectra, state: State) -> tuple[Array, Spectra, State]:
        given = {
            "feat_erb": levels[None, None],
            "feat_spec": np.stack([bins.real, bins.imag])[None],
        }
        self._request.infer(given | {f"before_{at}": array for at, array in enumerate(state)})
        after = tuple(self._answer(f"after_{at}") for at in range(len(state)))
        # the last axis holds real and imaginary part of each tap
        taps = self._answer("coefs").reshape(FRAMES, FILTERED, 2 * TAPS).view(np.complex64)
        return self._answer("m").reshape(FRAMES, BANDS), taps, after

    def _answer(self, name: str) -> Array:
        answer: Array = self._request.get_tensor(name).data.copy()
        return answer


class _Joined:
    """Rewires the three graphs into one with its state outside."""

    def __init__(self, encoder: ov.Model, gains: ov.Model, taps: ov.Model) -> None:
        self.state_shapes: list[tuple[int, ...]] = []
        self._parameters = encoder.get_parameters()
        self._results: list[ov.Node] = []
        for parameter in self._parameters:
            parameter.set_partial_shape(ov.PartialShape(_INPUTS[_name(parameter.output(0))]))
        for part in (encoder, gains, taps):
            self._open(part)
        between = {_name(output): output.get_node().input_value(0) for output in encoder.outputs}
        for part in (gains, taps):
            for parameter in part.get_parameters():
                parameter.output(0).replace(between[_name(parameter.output(0))])
        for output in (gains.output("m"), taps.output("coefs")):
            self._give(_name(output), output.get_node().input_value(0))

    def model(self) -> ov.Model:
        return ov.Model(self._results, self._parameters, "deepfilternet3")

    def _open(self, part: ov.Model) -> None:
        """Bring the state of one graph outside."""
        for node in part.get_ordered_ops():
            if node.get_type_name() == "Pad":
                node.output(0).replace(self._continued(node.input_value(0)))
            elif node.get_type_name() == "GRUSequence":
                node.input(1).replace_source_output(self._before(_HIDDEN))
                self._after(node.output(1))

    def _continued(self, value: ov.Output) -> ov.Output:
        """Put the last frames of the call before in front of a value, instead of zeros."""
        past = _PASTS[_name(value)]
        joined = ops.concat([self._before(past), value], _TIME).output(0)
        end = (np.array([at], np.int64) for at in (-past[_TIME], np.iinfo(np.int64).max, 1, _TIME))
        self._after(ops.slice(joined, *end).output(0))
        return joined

    def _before(self, shape: tuple[int, ...]) -> ov.Output:
        parameter = ops.parameter(list(shape), np.float32)
        parameter.output(0).get_tensor().set_names({f"before_{len(self.state_shapes)}"})
        self._parameters.append(parameter)
        self.state_shapes.append(shape)
        return parameter.output(0)

    def _after(self, value: ov.Output) -> None:
        self._give(f"after_{len(self.state_shapes) - 1}", value)

    def _give(self, name: str, value: ov.Output) -> None:
        result = ops.result(value)
        result.output(0).get_tensor().set_names({name})
        self._results.append(result)


def _name(value: ov.Output) -> str:
    return str(value.any_name)
