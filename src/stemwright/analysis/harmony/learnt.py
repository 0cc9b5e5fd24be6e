"""The fitted numbers of chords and key, and the one way they are used: the same for every root.

They are fitted by ``benchmarks/fit_harmony.py``; ``learnt.json`` is what it wrote.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float32]


@cache
def table(name: str) -> Table:
    """One fitted table; the last of a row is its bias.

    ``chords`` ``[qualities, 12 * registers + 1]``, ``no_chord`` ``[2 * registers + 1]``, ``key``
    ``[modes, 48 + 1]``, ``confidence`` ``[1 + 1]``.
    """
    tables = json.loads(Path(__file__).with_name("learnt.json").read_text())
    return np.asarray(tables[name], np.float32)


def seen_from_each_root(profiles: Table) -> Table:
    """Turn pitch-class profiles so that each of the twelve roots comes first.

    ``[..., parts, 12]`` from C becomes ``[..., 12, parts * 12]``: for every root, the parts one
    after the other, beginning at that root. Weights for one root then serve all twelve.
    """
    steps = (np.arange(12)[:, None] + np.arange(12)) % 12
    turned = np.moveaxis(profiles[..., steps], -2, -3)
    return turned.reshape(*turned.shape[:-2], -1)


def log_softmax(scores: Table) -> Table:
    """Log probabilities along the last axis of ``[..., classes]``."""
    scores = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True)), np.float32)
