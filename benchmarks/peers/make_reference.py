"""Separate the reference song with stock demucs and keep samples of it for the numeric tests.

``.venv-bench/bin/python benchmarks/peers/make_reference.py WEIGHTS`` writes
``tests/numerics/htdemucs_reference.npz``; only needed when the song or the method changes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from demucs.apply import apply_model
from demucs.hf import load_safetensors_model

TESTS = Path(__file__).resolve().parents[2] / "tests"
POSITIONS = 1500
OVERLAP = 0.25


def main() -> None:
    sys.path.insert(0, str(TESTS))
    from support.reference_song import reference_song

    mixture = torch.from_numpy(reference_song())
    reference = mixture.mean(0)
    mean, deviation = reference.mean(), reference.std() + 1e-8
    model = load_safetensors_model(sys.argv[1])
    with torch.no_grad():
        normalised = ((mixture - mean) / deviation)[None]
        stems = apply_model(model, normalised, shifts=0, overlap=OVERLAP)[0] * deviation + mean
    samples = stems.shape[-1]
    positions = np.sort(np.random.default_rng(1).choice(samples, POSITIONS, replace=False))
    np.savez_compressed(
        TESTS / "numerics" / "htdemucs_reference.npz",
        positions=positions.astype(np.int32),
        values=stems[..., positions].numpy(),
        energy=stems.double().square().mean(dim=(1, 2)).numpy(),
        overlap=OVERLAP,
    )


if __name__ == "__main__":
    main()
