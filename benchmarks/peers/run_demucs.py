"""Separate one song with the Python API of stock demucs, from file to four WAV files."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import soundfile
import torch
from demucs.apply import BagOfModels, apply_model
from demucs.hf import load_safetensors_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("song", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument(
        "--weights",
        nargs="+",
        required=True,
        metavar="FILE[=SHARES]",
        help="several files are a bag; SHARES are a network's in each stem, all one by default",
    )
    parser.add_argument("--overlap", type=float, default=0.25)
    parser.add_argument("--shifts", type=int, default=0)
    parser.add_argument("--float", action="store_true", help="write 32-bit float, not 16-bit")
    options = parser.parse_args()

    model = _model(options.weights)
    samples, rate = soundfile.read(options.song, dtype="float32", always_2d=True)
    stems = _separate(model, torch.from_numpy(samples.T.copy()), options)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, stem in zip(model.sources, stems, strict=True):
        target = options.output / f"{name}.wav"
        soundfile.write(target, stem.T, rate, subtype="FLOAT" if options.float else "PCM_16")


def _model(files: list[str]) -> torch.nn.Module:
    """Load one network as it is, several as demucs' own bag of models."""
    named = [file.partition("=") for file in files]
    networks = [load_safetensors_model(path) for path, _, _ in named]
    if len(networks) == 1:
        return networks[0]
    sources = len(networks[0].sources)
    shares = [
        [float(w) for w in text.split(",")] if text else [1.0] * sources for *_, text in named
    ]
    return BagOfModels(networks, shares)


def _separate(
    model: torch.nn.Module, mixture: torch.Tensor, options: argparse.Namespace
) -> np.ndarray:
    """Normalise, apply and scale back as ``demucs.separate`` does: [sources, channels, samples]."""
    reference = mixture.mean(0)
    mean, deviation = reference.mean(), reference.std() + 1e-8
    normalised = ((mixture - mean) / deviation)[None]
    with torch.no_grad():
        stems = apply_model(
            model, normalised, shifts=options.shifts, split=True, overlap=options.overlap
        )
    return (stems[0] * deviation + mean).numpy()


if __name__ == "__main__":
    main()
