"""Folders with an SCNet as a user puts them together: a file of weights and a description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .random_networks import Case
from .torch_files import state_file


def arguments_of(case: Case, **changed: object) -> dict[str, Any]:
    """Give what the YAML file says that goes with the weights; what is ``None`` is left out."""
    told = {**case.arguments, "sources": list(case.shape.sources), **changed}
    return {name: value for name, value in told.items() if value is not None}


def write_scnet(folder: Path, case: Case, content: bytes | None = None, **changed: object) -> Path:
    """Write ``weights.ckpt``, by default a bare state dict, and ``model.toml``."""
    weights = state_file(case.state()) if content is None else content
    (folder / "weights.ckpt").write_bytes(weights)
    describe(folder, arguments_of(case, **changed))
    return folder


def describe(folder: Path, arguments: Mapping[str, object], head: str = "segment_s = 2") -> None:
    """Write ``model.toml``; in plain values TOML is JSON."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in arguments.items()]
    text = "\n".join(['architecture = "scnet"', head, "[arguments]", *lines])
    (folder / "model.toml").write_text(text + "\n")
