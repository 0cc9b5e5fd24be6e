"""Weights of every model, for those who only want to know how long they take.

What is installed is taken as it is. What is not gets random weights of the same sizes: a network
takes as long for any numbers. Both come as a folder that ``--model`` and stock demucs read.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from stemwright.engine.architectures import ARCHITECTURES, Checkpoint
from stemwright.engine.catalog import MODELS, Model
from stemwright.engine.checkpoints import describe, write_safetensors
from stemwright.engine.networks.parameters import Shapes, hdemucs_shapes, htdemucs_shapes
from stemwright.settings import Settings

from .places import SCRATCH


def weights_of(name: str) -> tuple[Path, bool]:
    """A model's folder of weights, and whether they are random; made once."""
    model = MODELS[name]
    installed = Settings.load().models_dir / name
    if all((installed / network.installed_file).exists() for network in model.networks):
        return installed, False
    folder = SCRATCH / "models" / name
    for seed, network in enumerate(model.networks):
        file = folder / network.installed_file
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _write_random(file, model, seed)
    _describe(folder, model)
    return folder, True


def _write_random(file: Path, model: Model, seed: int) -> None:
    random = np.random.default_rng(seed)
    state = {
        name: (random.random(shape, np.float32) - np.float32(0.5))
        * np.float32(2 / math.sqrt(math.prod(shape[1:]) or 1))
        for name, shape in _shapes(model).items()
    }
    architecture = next(each for each in ARCHITECTURES if each.name == model.architecture)
    unfinished = file.with_suffix(".part")
    metadata = describe(Checkpoint(architecture, state), model.stems, model.segment_s)
    write_safetensors(unfinished, state, metadata)
    unfinished.rename(file)


def _shapes(model: Model) -> Shapes:
    if model.architecture == "hdemucs":
        return hdemucs_shapes(sources=len(model.stems))
    bottom = 0 if model.name == "htdemucs_6s" else 512
    return htdemucs_shapes(sources=len(model.stems), bottom_channels=bottom)


def _describe(folder: Path, model: Model) -> None:
    """Say as ``docs/own-models.md`` has it which network gives which stem."""
    tables = "\n".join(
        f'[[networks]]\nfile = "{network.installed_file}"\nweights = {list(network.weights)}\n'
        for network in model.networks
    )
    (folder / "model.toml").write_text(f"segment_s = {float(model.segment_s)}\n{tables}")


def shares_of(name: str) -> list[str]:
    """Each network's file with its share in every stem: ``FILE=1,0,0,0``; no share means all."""
    folder, _ = weights_of(name)
    return [
        f"{folder / network.installed_file}=" + ",".join(f"{w:g}" for w in network.weights)
        for network in MODELS[name].networks
    ]
