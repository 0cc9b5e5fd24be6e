"""Which stems hold music and which hold only what leaked into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .loudness import STEPS_PER_S, Loudness, to_lufs

AUDIBLE_LU: Final = -20.0
"""A stem this far below the mixture's loudness at that moment, or further, is bleed."""
_SILENCE_LUFS = -60.0
_LEAST_ACTIVE_S, _LEAST_ACTIVE_SHARE = 1.0, 0.01
_MOMENT_S = 0.1
_FADE_MOMENTS = 10
_FLOOR_DB = -120.0


@dataclass(frozen=True, slots=True)
class Activity:
    """What a stem holds."""

    loudness: Loudness
    active_s: float
    """Seconds in which it can be told from bleed."""
    bleed_db: float | None
    """Power against the mixture's while the stem is at rest; ``None`` if it never is."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it but bleed."""
        total_s = len(self.loudness.steps) / STEPS_PER_S
        return self.active_s < max(_LEAST_ACTIVE_S, _LEAST_ACTIVE_SHARE * total_s)


def stem_activity(stem: Loudness, mixture: Loudness) -> Activity:
    """Compare a stem with the mixture it comes from, moment by moment.

    Both are loudnesses of the same stretch of time; moments are 0.4 s, ten a second.
    """
    moments = min(len(stem.momentary()), len(mixture.momentary()))
    ours, whole = (it.momentary()[:moments] for it in (stem, mixture))
    heard = to_lufs(whole) > _SILENCE_LUFS
    audible = 10 ** (AUDIBLE_LU / 10) * whole
    active = heard & (to_lufs(ours) > _SILENCE_LUFS) & (ours > audible)
    at_rest = heard & ~_widened(active)
    return Activity(
        loudness=stem,
        active_s=float(np.count_nonzero(active)) * _MOMENT_S,
        bleed_db=_bleed_db(ours[at_rest], whole[at_rest]),
    )


def _widened(active: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is active and a second around it: notes fade in and out there."""
    around = np.convolve(active, np.ones(2 * _FADE_MOMENTS + 1), mode="same")
    return np.asarray(around[: len(active)] > 0.5) if len(active) > 2 * _FADE_MOMENTS else active


def _bleed_db(stem: NDArray[np.float64], mixture: NDArray[np.float64]) -> float | None:
    if not len(stem):
        return None
    if stem.sum() <= 0:
        return _FLOOR_DB
    return max(float(10 * np.log10(stem.sum() / mixture.sum())), _FLOOR_DB)
