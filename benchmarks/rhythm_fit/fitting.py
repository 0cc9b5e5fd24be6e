"""Small networks and logistic regressions, fitted by NumPy alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MEMBERS, UNITS, RATE = 3, 32, 2e-3
DECAY, WIDEST = 1e-2, 5.0


@dataclass(frozen=True, slots=True)
class Group:
    """Rows ``[rows, inputs]`` judged together, and what they should have got ``[rows]``."""

    rows: Floats
    wanted: Floats


def fit_ranking(groups: Sequence[Group]) -> dict[str, NDArray[np.float32]]:
    """Fit scores whose softmax over each group is what is wanted of its rows."""

    def blame(scores: Floats, wanted: Floats) -> Floats:
        share = np.exp(scores - scores.max())
        return share / share.sum() - wanted

    return _fit(groups, blame, at_once=16, rounds=30, noise=0.15)


def fit_odds(groups: Sequence[Group]) -> dict[str, NDArray[np.float32]]:
    """Fit scores whose logistic is the probability of each row.

    Rows of all groups are mixed: batches of whole pieces are so alike within that two thirds of
    the units died.
    """

    def blame(scores: Floats, wanted: Floats) -> Floats:
        return 1 / (1 + np.exp(-scores)) - wanted

    rows = [
        Group(group.rows[n : n + 1], group.wanted[n : n + 1])
        for group in groups
        for n in range(len(group.rows))
    ]
    return _fit(rows, blame, at_once=128, rounds=30, noise=0.5)


def fit_logistic(rows: Floats, wanted: Floats, ridge: float = 1e-2) -> NDArray[np.float32]:
    """Return slopes and, last, the offset of a logistic regression, by Newton's method."""
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    inputs = np.column_stack([(rows - mean) / spread, np.ones(len(rows))])
    penalty = ridge * np.append(np.ones(rows.shape[1]), 0)
    weights = np.zeros(inputs.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-inputs @ weights))
        slope = inputs.T @ (chance - wanted) / len(rows) + penalty * weights
        bend = (inputs.T * (chance * (1 - chance))) @ inputs / len(rows) + np.diag(penalty + 1e-6)
        weights -= np.linalg.solve(bend, slope)
    slopes = weights[:-1] / spread
    return np.append(slopes, weights[-1] - slopes @ mean).astype(np.float32)


def _fit(
    groups: Sequence[Group],
    blame: Callable[[Floats, Floats], Floats],
    *,
    at_once: int,
    rounds: int,
    noise: float,
) -> dict[str, NDArray[np.float32]]:
    rows = np.concatenate([group.rows for group in groups])
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-3
    scaled = [np.clip((group.rows - mean) / spread, -WIDEST, WIDEST) for group in groups]
    wanted = [group.wanted for group in groups]
    members = [
        _member(scaled, wanted, blame, at_once, rounds, noise, np.random.default_rng(seed))
        for seed in range(MEMBERS)
    ]
    inner, bias, outer = (np.stack(parts) for parts in zip(*members, strict=True))
    arrays = {"mean": mean, "spread": spread, "inner": inner, "bias": bias, "outer": outer[:, :, 0]}
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def _member(
    scaled: Sequence[Floats],
    wanted: Sequence[Floats],
    blame: Callable[[Floats, Floats], Floats],
    at_once: int,
    rounds: int,
    noise: float,
    rng: np.random.Generator,
) -> list[Floats]:
    """Fit one network by Adam, with noise on its inputs and one in ten of them hidden."""
    inputs = scaled[0].shape[1]
    weights = [
        rng.normal(size=(inputs, UNITS)) / np.sqrt(inputs),
        np.zeros(UNITS),
        0.1 * rng.normal(size=(UNITS, 1)),
    ]
    first, second = ([np.zeros_like(weight) for weight in weights] for _ in range(2))
    steps = 0
    for turn in range(rounds):
        rate = RATE * (0.5 * (1 + np.cos(np.pi * turn / rounds)) + 0.02)
        order = rng.permutation(len(scaled))
        for start in range(0, len(order), at_once):
            chosen = order[start : start + at_once]
            rows = np.concatenate([scaled[k] for k in chosen])
            rows = rows + noise * rng.normal(size=rows.shape)
            rows *= rng.random(inputs) > 0.1
            steps += 1
            gradients = _gradients(weights, rows, [wanted[k] for k in chosen], blame)
            for k, gradient in enumerate(gradients):
                first[k] = 0.9 * first[k] + 0.1 * gradient
                second[k] = 0.999 * second[k] + 0.001 * gradient**2
                size = np.sqrt(second[k] / (1 - 0.999**steps)) + 1e-8
                weights[k] -= rate * first[k] / (1 - 0.9**steps) / size
    return weights


def _gradients(
    weights: list[Floats],
    rows: Floats,
    wanted: list[Floats],
    blame: Callable[[Floats, Floats], Floats],
) -> list[Floats]:
    inner, bias, outer = weights
    units = np.maximum(rows @ inner + bias, 0)
    scores = (units @ outer)[:, 0]
    ends = np.cumsum([len(part) for part in wanted])[:-1]
    parts = zip(np.split(scores, ends), wanted, strict=True)
    at_scores = np.concatenate([blame(*part) for part in parts]) / len(wanted)
    at_units = at_scores[:, None] @ outer.T * (units > 0)
    return [
        rows.T @ at_units + DECAY * inner,
        at_units.sum(axis=0),
        units.T @ at_scores[:, None] + DECAY * outer,
    ]
