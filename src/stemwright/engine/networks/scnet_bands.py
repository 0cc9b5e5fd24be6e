"""How SCNet cuts spectra into bands, and what of its making its weights do not show."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BANDS = 3


@dataclass(frozen=True, slots=True)
class Band:
    """A band of the input of one encoder layer, and how the layer goes over it."""

    start: int
    stop: int
    kernel: int
    stride: int

    @property
    def _padding(self) -> int:
        if self.stride == 1:
            return self.kernel - 1
        return -(self.stop - self.start) % self.stride

    @property
    def pad_begin(self) -> int:
        """Zeros below the band."""
        return self._padding // 2

    @property
    def pad_end(self) -> int:
        """Zeros above the band."""
        return self._padding - self.pad_begin

    @property
    def steps(self) -> int:
        """Rows that the layer makes of the band."""
        return (self.stop - self.start + self._padding - self.kernel) // self.stride + 1

    @property
    def returned(self) -> int:
        """Rows that the decoder's layer makes of those, before it crops them."""
        return (self.steps - 1) * self.stride + self.kernel

    @property
    def usable(self) -> bool:
        """Whether the layer sees every row of the band, and the decoder gets all of them back."""
        rows = self.stop - self.start
        return 0 < rows <= self.returned and self.steps > 0 and self.stride <= self.kernel


@dataclass(frozen=True, slots=True)
class SCNetShape:
    """What of the reference class's arguments the weights do not show."""

    sources: tuple[str, ...]
    segment_samples: int
    ratios: tuple[float, ...]
    """``band_SR``: the bands' shares in the spectrum, from the lowest on."""
    strides: tuple[int, ...]
    """``band_stride``: rows of a band that become one."""
    n_fft: int = 4096
    hop_samples: int = 1024
    hann: bool = False
    """The STFT's window: a periodic Hann window, or none."""
    scaled: bool = True
    """``normalized``: whether the STFT is orthonormal."""
    standardised: bool = False
    """Whether the network standardises the spectrum of every segment."""
    normalised: bool = True
    """Whether the network is to get songs normalised."""

    @property
    def frames(self) -> int:
        """STFT frames of one segment: an even number, for the Fourier transform of time."""
        hops = self.segment_samples // self.hop_samples + 1
        return hops + 1 + (hops + 1) % 2

    @property
    def bins(self) -> int:
        """Frequencies of the STFT."""
        return self.n_fft // 2 + 1

    @property
    def window(self) -> NDArray[np.float64]:
        """Window of the STFT, ``[n_fft]``."""
        turns = np.arange(self.n_fft) / self.n_fft
        return 0.5 - 0.5 * np.cos(2 * np.pi * turns) if self.hann else np.ones(self.n_fft)

    def bands(self, rows: int, kernels: tuple[int, ...]) -> tuple[Band, ...]:
        """Cut a spectrum of that many rows as the reference does, roundings included."""
        low, middle, _ = self.ratios
        edges = (0, math.ceil(rows * low), math.ceil(rows * (low + middle)), rows)
        cuts = zip(edges[:-1], edges[1:], kernels, self.strides, strict=True)
        return tuple(Band(*cut) for cut in cuts)

    def levels(self, depth: int, kernels: tuple[int, ...]) -> list[tuple[Band, ...]]:
        """Give the bands of every encoder layer."""
        rows, levels = self.bins, []
        for _ in range(depth):
            levels.append(self.bands(rows, kernels))
            rows = sum(band.steps for band in levels[-1])
        return levels
