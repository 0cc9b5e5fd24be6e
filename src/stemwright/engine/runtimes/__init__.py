"""What executes a network: the protocol in ``base``, one module per runtime, and the choice."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from stemwright.engine.architectures import network_shape
from stemwright.engine.checkpoints import read_checkpoint, refuse_other_model, told_of
from stemwright.errors import OptionError, RuntimeUnavailable

if TYPE_CHECKING:
    from stemwright.engine.graph import Weights
    from stemwright.engine.model import Model
    from stemwright.engine.networks import NetworkShape

    from .base import Runtime

RuntimeName = Literal["auto", "openvino", "onnx", "torch"]
Precision = Literal["bf16", "f32"]

_PACKAGES: Final = {
    "openvino": ("openvino",),
    "onnx": ("onnxruntime", "onnx"),
    "torch": ("torch",),
}
_EXTRA: Final = {
    "openvino": "stemwright",
    "onnx": "stemwright[onnx]",
    "torch": "stemwright[torch]",
}


def available() -> list[str]:
    """Names of the installed runtimes, the preferred one first."""
    return [name for name in _PACKAGES if not _missing(name)]


def load_runtime(
    weights: Path,
    model: Model,
    *,
    runtime: RuntimeName = "auto",
    precision: Precision | Literal["auto"] = "auto",
    threads: int | None = None,
    segment_s: float | None = None,
) -> Runtime:
    """Load one file of weights into the runtime asked for, or the best one installed.

    ``auto`` precision is bfloat16 where the processor multiplies it in hardware, else float32.
    Without ``threads`` the runtime uses the cores it thinks best (the physical ones), or fewer
    where a container's quota allows fewer. With ``segment_s`` a network that can do with shorter
    segments than its own (HDemucs) is built for those and takes less memory; others are not.

    Raises
    ------
    RuntimeUnavailable
        Not installed, or not able to run the precision asked for.
    WeightsMissing, WeightsCorrupt
        The file is not there, or holds no network of this model.

    """
    name = _chosen(runtime)
    if threads is not None and threads < 1:
        raise OptionError(f"threads is {threads}; give at least 1")
    if threads is None and usable_cores() < _permitted_cores():
        threads = usable_cores()
    checkpoint = read_checkpoint(weights, told_of(model))
    refuse_other_model(checkpoint, model, weights)
    state = checkpoint.state
    samples = model.segment_samples
    if segment_s is not None and checkpoint.architecture.any_length:
        samples = min(samples, int(segment_s * model.sample_rate))
    shape = network_shape(checkpoint, model.stems, samples)
    if name == "torch":
        return _load_torch(state, shape, precision, threads)
    if name == "onnx":
        return _load_onnx(state, shape, precision, threads)
    return _load_openvino(state, shape, precision, threads)


def usable_cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Cores this process may use: those it may run on, or the container's quota of time."""
    try:
        allowed, period = quota.read_text().split()
        return max(1, min(_permitted_cores(), -(-int(allowed) // int(period))))
    except (OSError, ValueError):  # no such file, or "max"
        return _permitted_cores()


def _permitted_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chosen(runtime: RuntimeName) -> str:
    installed = available()
    if runtime == "auto" and installed:
        return installed[0]
    wanted = "openvino" if runtime == "auto" else runtime
    if wanted not in installed:
        packages = ", ".join(_missing(wanted))
        raise RuntimeUnavailable(
            f"The {wanted} runtime needs {packages}, which this Python does not have. "
            f"Fix: pip install '{_EXTRA[wanted]}'"
        )
    return wanted


def _missing(name: str) -> list[str]:
    return [each for each in _PACKAGES[name] if importlib.util.find_spec(each) is None]


def _load_openvino(
    state: dict[str, Weights],
    shape: NetworkShape,
    precision: Precision | Literal["auto"],
    threads: int | None,
) -> Runtime:
    from .openvino import OpenVinoRuntime, supports_bf16  # noqa: PLC0415 - importing takes 0.2 s

    if precision == "auto":
        precision = "bf16" if supports_bf16() else "f32"
    return OpenVinoRuntime(state, shape, precision=precision, threads=threads)


def _load_onnx(
    state: dict[str, Weights],
    shape: NetworkShape,
    precision: Precision | Literal["auto"],
    threads: int | None,
) -> Runtime:
    from .onnx import OnnxRuntime  # noqa: PLC0415 - importing takes 0.2 s

    if precision == "bf16":
        raise RuntimeUnavailable(
            "The onnx runtime computes in f32 only. Fix: --precision f32, or --runtime openvino"
        )
    return OnnxRuntime(state, shape, threads=threads)


def _load_torch(
    state: dict[str, Weights],
    shape: NetworkShape,
    precision: Precision | Literal["auto"],
    threads: int | None,
) -> Runtime:
    from .torch import TorchRuntime, prefers_bf16  # noqa: PLC0415 - importing takes seconds

    if precision == "auto":
        precision = "bf16" if prefers_bf16() else "f32"
    return TorchRuntime(state, shape, precision=precision, threads=threads)
