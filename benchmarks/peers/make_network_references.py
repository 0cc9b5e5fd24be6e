"""Run the reference networks on random weights and keep samples of it for the numeric tests.

``.venv-bench/bin/python benchmarks/peers/make_network_references.py [CASE]...`` writes
``tests/numerics/network_references.npz``, of the cases that are named or else of all; only needed
when a case changes. The classes are those of ``demucs`` and, of SCNet, of ``msst`` 0.1.0 (MIT),
which asks for an older torch than the rest and is installed by hand:
``.venv-bench/bin/pip install --no-deps msst==0.1.0``.
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

    file = ROOT / "tests" / "numerics" / "network_references.npz"
    names = sys.argv[1:]
    kept: dict[str, np.ndarray] = dict(np.load(file)) if names else {}
    for name in names or CASES:
        case = CASES[name]
        stems = _separated(case)
        random = np.random.default_rng(1)
        positions = np.sort(random.choice(stems.shape[-1], POSITIONS, replace=False))
        kept[f"{name}.positions"] = positions.astype(np.int32)
        kept[f"{name}.values"] = stems[..., positions]
        kept[f"{name}.peak"] = np.abs(stems).max()
    np.savez_compressed(file, **kept)


def _separated(case: Any) -> np.ndarray:  # noqa: ANN401 - a Case, which the path above leads to
    """``[sources, 2, samples]`` of the reference class in float32."""
    module, _, klass = case.reference.rpartition(".")
    network = getattr(import_module(module), klass)
    arguments = dict(case.arguments)
    normalise = arguments.pop("normalise", "song")
    model = network(sources=list(case.shape.sources), **arguments).eval()
    state = {name: torch.from_numpy(array) for name, array in case.state().items()}
    model.load_state_dict(state)
    if normalise == "segment":
        _standardise(model)
    with torch.no_grad():
        return model(torch.from_numpy(case.segment())[None])[0].numpy()


def _standardise(model: torch.nn.Module) -> None:
    """Standardise spectra as the author's own SCNet does by now and this copy of it does not.

    What goes into the first encoder layer is brought to mean 0 and deviation 1, and what comes out
    of the last decoder layer back to what the mixture had.
    """
    found: dict[str, torch.Tensor] = {}

    def before(_: torch.nn.Module, given: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        found["mean"], found["std"] = given[0].mean(), given[0].std()
        return ((given[0] - found["mean"]) / (found["std"] + 1e-5),)

    def after(_: torch.nn.Module, __: tuple[object, ...], spectra: torch.Tensor) -> torch.Tensor:
        return spectra * found["std"] + found["mean"]

    model.encoder[0].register_forward_pre_hook(before)
    model.decoder[-1][1].register_forward_hook(after)


if __name__ == "__main__":
    main()
