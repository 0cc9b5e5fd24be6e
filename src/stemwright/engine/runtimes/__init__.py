"""What executes a network: the protocol in ``base``, one module per runtime, and the choice."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from stemwright.engine.checkpoints import read_safetensors
from stemwright.engine.networks.htdemucs import HTDemucsShape
from stemwright.errors import OptionError, RuntimeUnavailable

if TYPE_CHECKING:
    from stemwright.engine.catalog import Model
    from stemwright.engine.graph import Weights

    from .base import Runtime

RuntimeName = Literal["auto", "openvino", "onnx"]
Precision = Literal["bf16", "f32"]

_PACKAGES: Final = {"openvino": ("openvino",), "onnx": ("onnxruntime", "onnx")}
_EXTRA: Final = {"openvino": "stemwright", "onnx": "stemwright[onnx]"}


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
) -> Runtime:
    """Load installed weights into the runtime asked for, or the best one installed.

    ``auto`` precision is bfloat16 where the processor multiplies it in hardware, else float32.
    Without ``threads`` the runtime uses the cores it thinks best (the physical ones), or fewer
    where a container's quota allows fewer.

    Raises
    ------
    RuntimeUnavailable
        Not installed, or not able to run the precision asked for.

    """
    name = _chosen(runtime)
    state = read_safetensors(weights)
    shape = HTDemucsShape(
        model.stems,
        model.segment_samples,
        bottom_channels=len(state.get("channel_upsampler.bias", ())),
    )
    if threads is not None and threads < 1:
        raise OptionError(f"threads is {threads}; give at least 1")
    if threads is None and usable_cores() < _permitted_cores():
        threads = usable_cores()
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
    shape: HTDemucsShape,
    precision: Precision | Literal["auto"],
    threads: int | None,
) -> Runtime:
    from .openvino import OpenVinoRuntime, supports_bf16  # noqa: PLC0415 - importing takes 0.2 s

    if precision == "auto":
        precision = "bf16" if supports_bf16() else "f32"
    return OpenVinoRuntime(state, shape, precision=precision, threads=threads)


def _load_onnx(
    state: dict[str, Weights],
    shape: HTDemucsShape,
    precision: Precision | Literal["auto"],
    threads: int | None,
) -> Runtime:
    from .onnx import OnnxRuntime  # noqa: PLC0415 - importing takes 0.2 s

    if precision == "bf16":
        raise RuntimeUnavailable(
            "The onnx runtime computes in f32 only. Fix: --precision f32, or --runtime openvino"
        )
    return OnnxRuntime(state, shape, threads=threads)
