"""From a published file to the canonical one."""

from __future__ import annotations

import shutil
from pathlib import Path

from .model import Model
from .sources import RawWeights


def convert_checkpoint(raw: RawWeights, destination: Path, model: Model) -> None:
    """Read a checkpoint of any known format and write the canonical one."""
    if not model.stems:
        # its networks are run as they are published
        shutil.copyfile(raw.path, destination)
        return
    # listing models must not pay for NumPy
    from . import checkpoints  # noqa: PLC0415

    readers = {
        "onnx": checkpoints.read_onnx,
        "safetensors": checkpoints.read_safetensors,
        "torch": checkpoints.read_torch,
    }
    checkpoint = readers[raw.format](raw.path)
    checkpoints.refuse_other_model(checkpoint, model, raw.path)
    metadata = checkpoints.describe(checkpoint, model.stems, model.segment_s)
    checkpoints.write_safetensors(destination, checkpoint.state, metadata)
