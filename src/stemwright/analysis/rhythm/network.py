"""Small fitted networks: one hidden layer, read from the arrays beside this file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .onset import Array

FILE = Path(__file__).with_name("networks.npz")
_WIDEST = 5.0  # spreads from the mean; further out nothing was seen when fitting


@dataclass(frozen=True, slots=True)
class Network:
    """Means of a few networks that were fitted to the same task from different starts."""

    mean: Array
    """``[inputs]``"""
    spread: Array
    """``[inputs]``"""
    inner: Array
    """``[members, inputs, units]``"""
    bias: Array
    """``[members, units]``"""
    outer: Array
    """``[members, units]``"""

    def __call__(self, rows: Array) -> NDArray[np.float64]:
        """Return one number for each row of ``[rows, inputs]``: the log-odds, or a part of them."""
        scaled = np.clip((rows - self.mean) / self.spread, -_WIDEST, _WIDEST)
        units = np.maximum(np.einsum("ri,miu->mru", scaled, self.inner) + self.bias[:, None], 0)
        score: NDArray[np.float64] = np.einsum("mru,mu->r", units, self.outer) / len(self.outer)
        return score


def fitted(name: str) -> Network:
    """Return the network of that name; see ``benchmarks/fit_rhythm.py`` for where it comes from."""
    parts = ("mean", "spread", "inner", "bias", "outer")
    return Network(*(_arrays()[f"{name}_{part}"] for part in parts))


def probability(name: str, numbers: Array) -> float:
    """Return the logistic regression of that name for ``[numbers]``."""
    *slopes, offset = _arrays()[f"{name}_odds"]
    return float(1 / (1 + np.exp(-(numbers @ np.array(slopes) + offset))))


@cache
def _arrays() -> dict[str, NDArray[np.float32]]:
    with np.load(FILE) as file:
        return dict(file)
