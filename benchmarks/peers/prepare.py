"""Give the peers stemwright's own weights in the files they read.

Runs in the peers' environment: ``prepare.py WEIGHTS FOLDER``. Makes, once,

- ``FOLDER/audio-separator/``: a demucs repository of one model (yaml and checkpoint);
- ``FOLDER/demucs-onnx/htdemucs.onnx``: exported by demucs-onnx's own exporter.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from demucs.hf import load_safetensors_model
from safetensors import safe_open

SIGNATURE = "955717e8"


def main() -> None:
    weights, folder = Path(sys.argv[1]), Path(sys.argv[2])
    for name, prepare in (("audio-separator", _repository), ("demucs-onnx", _onnx)):
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        try:
            prepare(weights, target)
        except Exception as error:  # noqa: BLE001 - one peer's trouble is a line in the report
            (target / "failed.txt").write_text(f"{type(error).__name__}: {error}")


def _repository(weights: Path, target: Path) -> None:
    model = load_safetensors_model(weights)
    with safe_open(str(weights), framework="np") as file:
        kwargs: dict[str, Any] = json.loads(file.metadata()["kwargs"])
    kwargs["segment"] = model.segment
    package = {"klass": type(model), "args": (), "kwargs": kwargs, "state": model.state_dict()}
    torch.save(package, target / f"{SIGNATURE}.th")
    (target / "htdemucs.yaml").write_text(f"models: ['{SIGNATURE}']\n")


def _onnx(weights: Path, target: Path) -> None:
    from demucs_onnx.export import export_to_onnx

    checkpoint = target / "model.pt"
    torch.save(load_safetensors_model(weights), checkpoint)
    export_to_onnx(checkpoint, target / "htdemucs.onnx", parity_check=False)
    checkpoint.unlink()


if __name__ == "__main__":
    main()
