"""The note network as published, an ONNX file, on whichever runtime there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemwright.errors import RuntimeUnavailable

Array = NDArray[np.float32]
NoteNetwork = Callable[[Array], tuple[Array, Array]]

_INPUT = "serving_default_input_2:0"
_SOUNDING, _STARTING = "StatefulPartitionedCall:1", "StatefulPartitionedCall:2"
_WINDOW = 43_844


def load_note_network(path: Path, *, threads: int | None = None) -> NoteNetwork:
    """Load the network: ``[samples=43844]`` to (sounding, starting), ``[frames=172, pitches=88]``.

    Samples are mono at 22 050 Hz within ±1; both answers are within 0 and 1, a frame every 256
    samples, pitches from MIDI 21.

    Raises
    ------
    RuntimeUnavailable
        Neither OpenVINO nor ONNX Runtime is installed.

    """
    for load in (_on_openvino, _on_onnxruntime):
        try:
            return load(path, threads)
        except ImportError:
            continue
    raise RuntimeUnavailable(
        "No runtime can execute the note network: install openvino or onnxruntime."
    )


def _on_openvino(path: Path, threads: int | None) -> NoteNetwork:
    from .openvino_import import openvino as ov  # noqa: PLC0415  # may not be installed

    core = ov.Core()
    network = core.read_model(path)
    network.reshape([1, _WINDOW, 1])
    options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads
    request = core.compile_model(network, "CPU", options).create_infer_request()

    def infer(window: Array) -> tuple[Array, Array]:
        request.infer({_INPUT: window.reshape(1, _WINDOW, 1)})
        sounding, starting = (request.get_tensor(name).data for name in (_SOUNDING, _STARTING))
        return sounding[0].copy(), starting[0].copy()

    return infer


def _on_onnxruntime(path: Path, threads: int | None) -> NoteNetwork:
    import onnxruntime as ort  # noqa: PLC0415  # an extra

    options = ort.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def infer(window: Array) -> tuple[Array, Array]:
        given = {_INPUT: window.reshape(1, _WINDOW, 1)}
        sounding, starting = session.run([_SOUNDING, _STARTING], given)
        return sounding[0], starting[0]

    return infer
