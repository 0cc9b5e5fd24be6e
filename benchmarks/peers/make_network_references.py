"""Run the networks of ``demucs`` on random weights and keep samples of it for the numeric tests.

``.venv-bench/bin/python benchmarks/peers/make_network_references.py`` writes
``tests/numerics/network_references.npz``; only needed when a case changes.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
POSITIONS = 800


def main() -> None:
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]
    from support.random_networks import CASES

    kept: dict[str, np.ndarray] = {}
    for name, case in CASES.items():
        stems = _separated(case)
        random = np.random.default_rng(1)
        positions = np.sort(random.choice(stems.shape[-1], POSITIONS, replace=False))
        kept[f"{name}.positions"] = positions.astype(np.int32)
        kept[f"{name}.values"] = stems[..., positions]
        kept[f"{name}.peak"] = np.abs(stems).max()
    np.savez_compressed(ROOT / "tests" / "numerics" / "network_references.npz", **kept)


def _separated(case: Any) -> np.ndarray:  # noqa: ANN401 - a Case, which the path above leads to
    """``[sources, 2, samples]`` of the reference class in float32."""
    module, _, klass = case.reference.rpartition(".")
    network = getattr(import_module(module), klass)
    model = network(sources=list(case.shape.sources), **case.arguments).eval()
    state = {name: torch.from_numpy(array) for name, array in case.state().items()}
    model.load_state_dict(state)
    with torch.no_grad():
        return model(torch.from_numpy(case.segment())[None])[0].numpy()


if __name__ == "__main__":
    main()
