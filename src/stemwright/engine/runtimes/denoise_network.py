"""DeepFilterNet 3 as published, three ONNX files in an archive, on a runtime."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stemwright.errors import RuntimeUnavailable, WeightsCorrupt

if TYPE_CHECKING:
    from stemwright.engine.deep_filter import DeepFilterNetwork

_FILES: Final = ("enc.onnx", "erb_dec.onnx", "df_dec.onnx")


def load_denoise_network(path: Path, *, threads: int | None = None) -> DeepFilterNetwork:
    """Load the archive that the model store installs.

    Raises
    ------
    RuntimeUnavailable
        OpenVINO is not installed.
    WeightsCorrupt
        The archive is damaged.

    """
    try:
        from .openvino_deep_filter import OpenVinoDeepFilter  # noqa: PLC0415  # may not be there
    except ImportError as error:
        raise RuntimeUnavailable(
            "Denoising needs openvino, which this Python does not have. Fix: pip install stemwright"
        ) from error
    files = _read(path)
    return OpenVinoDeepFilter(*(files[name] for name in _FILES), threads=threads)


def _read(path: Path) -> Mapping[str, bytes]:
    """Read the networks into memory, by their last names; nothing is unpacked to disk."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for entry in archive:
                if (content := archive.extractfile(entry)) is not None:
                    found[entry.name.rpartition("/")[2]] = content.read()
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise WeightsCorrupt(_damaged(path, str(error))) from error
    if missing := [name for name in _FILES if name not in found]:
        raise WeightsCorrupt(_damaged(path, f"it holds no {missing[0]}"))
    return found


def _damaged(path: Path, reason: str) -> str:
    name = path.parent.name
    return (
        f"{path} cannot be read: {reason}. "
        f"Run: stemwright models remove {name} && stemwright models pull {name}"
    )
