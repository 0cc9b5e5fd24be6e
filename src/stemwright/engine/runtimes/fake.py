"""A runtime for tests and trials: exact, instant, and as context-dependent as a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TAPS = 255
"""Odd, so that the filters delay by a whole number of samples, which is taken off."""


class FakeRuntime:
    """Splits a segment with three short linear-phase filters; the stems add up to the mixture.

    A sample's stems depend on 127 neighbours on either side, so a stream that joins segments
    wrongly, or gives them silence for context, shows.
    """

    normalised = True
    segments_in_flight = 1
    description = "fake"

    def __init__(
        self,
        sources: tuple[str, ...] = ("drums", "bass", "other", "vocals"),
        segment_samples: int = 4096,
    ) -> None:
        self.sources = sources
        self.segment_samples = segment_samples
        taper = np.hanning(_TAPS + 2)[1:-1]
        position = np.arange(_TAPS) - _TAPS // 2
        kernels = [
            taper * np.sinc(position * width) * width
            for width in np.linspace(0.02, 0.4, len(sources) - 1)
        ]
        self._kernels = [kernel.astype(np.float32) for kernel in kernels]

    def infer(self, segment: NDArray[np.float32]) -> NDArray[np.float32]:
        """Separate ``[2, segment_samples]`` into ``[sources, 2, segment_samples]``."""
        stems = np.empty((len(self.sources), *segment.shape), np.float32)
        rest = segment
        for stem, kernel in zip(stems, self._kernels, strict=False):
            for channel, row in enumerate(rest):
                stem[channel] = np.convolve(row, kernel, mode="same")
            rest = rest - stem
        stems[-1] = rest
        return stems

    def close(self) -> None:
        """Do nothing; there is nothing to release."""
