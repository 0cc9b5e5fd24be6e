"""Stems that add up to their mixture, sample for sample.

What a network leaves over (the mixture minus its stems, some 30 dB below the mixture) is shared
out among the stems in proportion to their own level at that moment. So it is always masked by what
it joins, a stem that is silent stays silent, and the quality of every stem is what it was; figures
in ``docs/adr/0010-where-the-residual-goes.md``.

Sums are exact where numbers are: on the grid of 16- or 24-bit PCM, and in 32-bit float on a grid of
2 ** -23 below twice full scale. A mixture that is finer than that (a float file) is met to the
nearest float.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]
_Exact = NDArray[np.float64]

FRAME: Final = 1024
"""Samples over which a stem's level is taken; in between it is interpolated."""

_FLOAT_STEP: Final = 2.0**-23
_QUIET: Final = 1e-6
"""Added to every level: below -120 dB the residual is shared out evenly."""


def with_instrumental(mixture: Block, vocals: Block, step: float | None) -> tuple[Block, Block]:
    """Return vocals and instrumental, both ``[channels, n]``, whose sum is the mixture.

    ``step`` is the distance of two neighbouring PCM values at full scale 1, ``None`` for float.
    Vocals are rounded to the grid, and where the instrumental would leave full scale they give way.
    """
    target = _on_grid(mixture, step)
    grid = step or _FLOAT_STEP
    exact = np.rint(vocals.astype(np.float64) / grid) * grid
    if step is not None:
        low, high = -1.0, 1.0 - step
        exact = np.clip(exact, np.maximum(low, target - high), np.minimum(high, target - low))
    return exact.astype(np.float32), (target - exact).astype(np.float32)


class ExactSum:
    """Gives the stems of one song, block by block, what they lack to the mixture.

    Every block but the last must be a multiple of :data:`FRAME` long; the result does not depend
    on how the song was cut.
    """

    def __init__(self, step: float | None) -> None:
        self._step = step
        self._shares: _Exact | None = None

    def __call__(self, mixture: Block, stems: Mapping[str, Block]) -> dict[str, Block]:
        """Return stems ``[channels, n]`` that add up to ``mixture`` and stay within full scale."""
        parts = np.stack([stem.astype(np.float64) for stem in stems.values()])
        target = _on_grid(mixture, self._step)
        shares = self._interpolated(self._levels(parts))[..., : parts.shape[-1]]
        parts += (target - parts.sum(axis=0)) * shares
        grid = self._step or _FLOAT_STEP
        parts = np.rint(parts / grid) * grid
        if self._step is not None:
            np.clip(parts, -1.0, 1.0 - self._step, out=parts)
        self._settle(parts, target)
        return dict(zip(stems, parts.astype(np.float32), strict=True))

    def _levels(self, parts: _Exact) -> _Exact:
        """Share of every stem in each frame, ``[stems, frames]``; they add up to 1."""
        power = (parts**2).mean(axis=1)
        starts = np.arange(0, power.shape[1], FRAME)
        sizes = np.diff(np.append(starts, power.shape[1]))
        levels = np.sqrt(np.add.reduceat(power, starts, axis=1) / sizes) + _QUIET
        shares: _Exact = levels / levels.sum(axis=0)
        return shares

    def _interpolated(self, shares: _Exact) -> _Exact:
        """Shares ``[stems, 1, n]`` that move from the last frame's to this one's within it."""
        before = shares[:, :1] if self._shares is None else self._shares
        corners = np.concatenate([before, shares], axis=1)
        self._shares = shares[:, -1:]
        ramp = np.arange(1, FRAME + 1) / FRAME
        steps = corners[:, :-1, None] + np.diff(corners, axis=1)[..., None] * ramp
        return steps.reshape(len(shares), 1, -1)

    def _settle(self, parts: _Exact, target: _Exact) -> None:
        """Put what rounding and clipping left over where there is room for it, in place."""
        low, high = (-np.inf, np.inf) if self._step is None else (-1.0, 1.0 - self._step)
        for index, part in enumerate(parts):
            missing = target - parts.sum(axis=0)
            if not missing.any():
                return
            parts[index] += np.clip(missing, low - part, high - part)


def _on_grid(mixture: Block, step: float | None) -> _Exact:
    exact: _Exact = mixture.astype(np.float64)
    if step is None:
        return exact
    return np.clip(np.rint(exact / step) * step, -1.0, 1.0 - step)
