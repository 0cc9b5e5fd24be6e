"""Programme loudness, loudness range and true peak: ITU-R BS.1770-4, EBU R 128, Tech 3341/3342."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemwright.audio.channels import WAVE_ORDER

from .kweighting import KWeighting
from .sound import Block
from .truepeak import TruePeakMeter

STEPS_PER_S: Final = 100
"""Fine enough for the maxima: a burst of 0.4 s between two windows 0.1 s apart reads 0.6 LU low."""
_STEPS_PER_BLOCK = 10  # gating blocks begin every tenth of a second
_MOMENTARY_STEPS, _SHORT_TERM_STEPS = 40, 300
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU, _RANGE_GATE_LU = -10.0, -20.0
_OFFSET_LU = -0.691  # makes a 997 Hz sine at 0 dBFS in one channel read -3.01
_SURROUND = frozenset({"BL", "BR", "SL", "SR", "BC"})
_SURROUND_GAIN = 1.41
_NOT_COUNTED = frozenset({"LFE", "LFE2"})

Steps = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Loudness:
    """How loud a song is; ``None`` where it is too short, or silent throughout."""

    integrated_lufs: float | None
    range_lu: float | None
    true_peak_dbtp: float | None
    momentary_max_lufs: float | None
    short_term_max_lufs: float | None
    steps: Steps
    """``[hundredths of a second]``, K-weighted mean square of each, all channels added."""

    def momentary(self) -> Steps:
        """K-weighted mean squares over 0.4 s, ten a second."""
        return windowed(self.steps, _MOMENTARY_STEPS)[::_STEPS_PER_BLOCK]


class LoudnessMeter:
    """Takes a song block by block; keeps a hundred numbers for each second.

    Parameters
    ----------
    sample_rate
        Hz.
    channels
        Of the blocks to come.
    positions
        Speakers; by default those of WAVE order. Surround counts 1.41 times, LFE not at all.
    true_peak
        Leave it out where nobody asks: it takes as long as the rest.

    """

    def __init__(
        self,
        sample_rate: int,
        channels: int,
        positions: Sequence[str] | None = None,
        *,
        true_peak: bool = True,
    ) -> None:
        self._weighting = KWeighting(sample_rate, _gains(channels, positions))
        self._peak = TruePeakMeter(sample_rate) if true_peak else None
        self._steps = _StepSums(sample_rate)

    def process(self, block: Block) -> None:
        """Take ``[channels, frames]``, full scale ±1."""
        if self._peak is not None:
            self._peak.process(block)
        for power in self._weighting.process(block):
            self._steps.add(power)

    def finish(self) -> Loudness:
        """Flush the filters and measure."""
        for power in self._weighting.flush():
            self._steps.add(power)
        peak = self._peak.finish() if self._peak is not None else 0.0
        return measure(self._steps.means(), peak)


def measure(steps: Steps, peak: float = 0.0) -> Loudness:
    """Loudness from the mean squares of hundredths of a second and the true peak (linear)."""
    momentary, short_term = (windowed(steps, n) for n in (_MOMENTARY_STEPS, _SHORT_TERM_STEPS))
    return Loudness(
        integrated_lufs=_gated_mean(momentary[::_STEPS_PER_BLOCK]),
        range_lu=_range(short_term[::_STEPS_PER_BLOCK]),
        true_peak_dbtp=float(20 * np.log10(peak)) if peak > 0 else None,
        momentary_max_lufs=_loudest(momentary),
        short_term_max_lufs=_loudest(short_term),
        steps=steps,
    )


def to_lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """LUFS of K-weighted mean squares."""
    with np.errstate(divide="ignore"):
        lufs: NDArray[np.float64] = _OFFSET_LU + 10 * np.log10(power)
    return lufs


def windowed(steps: Steps, width: int) -> Steps:
    """Mean of every ``width`` neighbouring steps; nothing of a song shorter than that."""
    if len(steps) < width:
        return np.empty(0)
    total = np.concatenate([[0.0], np.cumsum(steps)])
    return np.asarray(np.maximum(total[width:] - total[:-width], 0.0) / width)


def _gated_mean(blocks: Steps) -> float | None:
    """Both gates of BS.1770-4: -70 LUFS, then 10 LU below the mean of what passed."""
    loud = blocks[to_lufs(blocks) > _ABSOLUTE_GATE_LUFS]
    if not len(loud):
        return None
    gate = to_lufs(loud.mean()) + _RELATIVE_GATE_LU
    return float(to_lufs(loud[to_lufs(loud) > gate].mean()))


def _range(blocks: Steps) -> float | None:
    """Tech 3342: from the 10th to the 95th percentile of what lies within 20 LU of the mean."""
    loud = blocks[to_lufs(blocks) >= _ABSOLUTE_GATE_LUFS]
    if not len(loud):
        return None
    levels = to_lufs(loud)
    kept = levels[levels >= to_lufs(loud.mean()) + _RANGE_GATE_LU]
    low, high = np.percentile(kept, [10, 95])
    return float(high - low)


def _loudest(blocks: Steps) -> float | None:
    level = float(to_lufs(blocks.max())) if len(blocks) else -np.inf
    return level if np.isfinite(level) else None


def _gains(channels: int, positions: Sequence[str] | None) -> NDArray[np.float32]:
    names = tuple(positions or WAVE_ORDER.get(channels, ()))
    if len(names) != channels:
        return np.ones(channels, np.float32)
    return np.array([_gain(name) for name in names], np.float32)


def _gain(speaker: str) -> float:
    if speaker in _NOT_COUNTED:
        return 0.0
    return _SURROUND_GAIN if speaker in _SURROUND else 1.0


class _StepSums:
    """Means of a stream of powers over hundredths of a second, their edges rounded to samples."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._step = 0
        self._held = np.empty(0, np.float32)
        self._means: list[Steps] = []

    def add(self, power: NDArray[np.float32]) -> None:
        """Take the next ``[frames]``."""
        held = np.concatenate([self._held, power])
        edges = self._edges(len(held))
        if len(edges) > 1:
            sums = np.add.reduceat(held[: edges[-1]], edges[:-1], dtype=np.float64)
            self._means.append(sums / np.diff(edges))
            self._step += len(edges) - 1
        self._held = held[edges[-1] :].copy()

    def means(self) -> Steps:
        """``[whole hundredths of a second]``; what is left over is too short to count."""
        return np.concatenate([np.empty(0), *self._means])

    def _edges(self, held: int) -> NDArray[np.int64]:
        """Where the steps within the samples held begin and end, the first edge being 0."""
        count = held * STEPS_PER_S // self._rate + 2
        steps = self._step + np.arange(count, dtype=np.int64)
        edges = steps * self._rate // STEPS_PER_S - self._step * self._rate // STEPS_PER_S
        return edges[edges <= held]
