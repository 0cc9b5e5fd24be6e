"""The plain features of the contract: energy, zero crossings, spectral shape and mel cepstra.

Definitions, windows and filter shapes are those of librosa 0.11's defaults at 22.05 kHz, so that
values compare with those of services built on it: windows of 93 ms every 23 ms, the first one
centred on the first sample, Hann.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .frames import Framer
from .frontend import SAMPLE_RATE, Samples

N_FFT: Final = 2048
HOP: Final = 512
MFCCS: Final = 13
_BINS = N_FFT // 2 + 1
_MELS = 128
_ROLLOFF_SHARE = 0.85
_POWER_FLOOR = 1e-10
_DYNAMIC_RANGE_DB = 80.0

Curve = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Energy:
    """How strong a song is, of its mono signal at full scale 1."""

    mean: float
    """Mean over the frames of their root mean square."""
    variance: float
    lowest: float
    highest: float
    zero_crossing_rate: float
    """Sign changes for each sample."""


@dataclass(frozen=True, slots=True)
class SpectralShape:
    """Means over a song's frames, in Hz; a silent frame counts as 0."""

    centroid_hz: float
    rolloff_hz: float
    """Below it lies 85 % of a frame's magnitude."""
    bandwidth_hz: float


class EnergyMeter:
    """Listens for `Energy`."""

    def __init__(self) -> None:
        self._framer = Framer(N_FFT, HOP)
        self._levels: list[Curve] = []
        self._crossings = self._samples = 0
        self._negative = False

    def process(self, samples: Samples) -> None:
        """Take the next samples."""
        negative = np.signbit(samples) & (np.abs(samples) > _POWER_FLOOR)
        self._crossings += int(np.count_nonzero(negative[1:] != negative[:-1]))
        if self._samples and len(negative):
            self._crossings += int(negative[0] != self._negative)
        if len(negative):
            self._negative = bool(negative[-1])
        self._samples += len(samples)
        self._add(self._framer.process(samples))

    def finish(self) -> Energy:
        """Measure."""
        self._add(self._framer.flush())
        levels = np.concatenate([np.zeros(0, np.float32), *self._levels]).astype(np.float64)
        if not len(levels):
            return Energy(0.0, 0.0, 0.0, 0.0, 0.0)
        return Energy(
            mean=float(levels.mean()),
            variance=float(levels.var()),
            lowest=float(levels.min()),
            highest=float(levels.max()),
            zero_crossing_rate=self._crossings / max(self._samples, 1),
        )

    def _add(self, windows: Iterable[Samples]) -> None:
        for some in windows:
            self._levels.append(np.sqrt(np.einsum("fs,fs->f", some, some) / N_FFT))


class SpectrumListener:
    """Listens for `SpectralShape` and mel-frequency cepstra, whichever is asked for."""

    def __init__(self, *, shape: bool = True, mfcc: bool = True) -> None:
        self._framer = Framer(N_FFT, HOP)
        self._shape = _ShapeSums() if shape else None
        self._mels: list[NDArray[np.float16]] | None = [] if mfcc else None

    def process(self, samples: Samples) -> None:
        """Take the next samples."""
        self._add(self._framer.process(samples))

    def finish(self) -> None:
        """Take in the end of the song; then ask for `shape` and `mfcc`."""
        self._add(self._framer.flush())

    def shape(self) -> SpectralShape:
        """The means so far."""
        return self._shape.means() if self._shape else SpectralShape(0.0, 0.0, 0.0)

    def mfcc(self) -> Curve:
        """``[13, frames]``, orthonormal DCT-II of the mel spectrum in dB.

        The spectrum is cut off 80 dB below the song's strongest mel.
        """
        if not self._mels:
            return np.zeros((MFCCS, 0), np.float32)
        floor = max(float(mels.max()) for mels in self._mels) - _DYNAMIC_RANGE_DB
        parts = [np.maximum(mels, floor, dtype=np.float32) @ _cosines() for mels in self._mels]
        return np.ascontiguousarray(np.concatenate(parts).T)

    def _add(self, windows: Iterable[Samples]) -> None:
        for some in windows:
            magnitudes = np.abs(np.fft.rfft(some * _hann(), axis=1))
            if self._shape:
                self._shape.add(magnitudes)
            if self._mels is not None:
                mels = np.square(magnitudes) @ mel_filters()
                decibels = 10 * np.log10(np.maximum(mels, _POWER_FLOOR))
                self._mels.append(decibels.astype(np.float16))


class _ShapeSums:
    def __init__(self) -> None:
        self._frames = 0
        self._sums = np.zeros(3)

    def add(self, magnitudes: Curve) -> None:
        hz = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE).astype(np.float32)
        total = np.maximum(magnitudes.sum(axis=1), 1e-12)
        centroid = magnitudes @ hz / total
        # E[(f - c)^2] = E[f^2] - c^2
        spread = np.maximum(magnitudes @ (hz * hz) / total - centroid**2, 0)
        below = np.cumsum(magnitudes, axis=1)
        reached = below >= _ROLLOFF_SHARE * below[:, -1:]
        rolloff = hz[np.argmax(reached, axis=1)]
        self._sums += [part.sum(dtype=np.float64) for part in (centroid, rolloff, np.sqrt(spread))]
        self._frames += len(magnitudes)

    def means(self) -> SpectralShape:
        centroid, rolloff, bandwidth = (float(part) for part in self._sums / max(self._frames, 1))
        return SpectralShape(centroid, rolloff, bandwidth)


def pooled(rows: Curve, most: int) -> Curve:
    """Means of neighbouring columns of ``[rows, frames]``, so that at most ``most`` are left."""
    frames = rows.shape[1]
    if frames <= most:
        return rows
    edges = np.arange(most) * frames // most
    sums = np.add.reduceat(rows, edges, axis=1)
    return np.asarray(sums / np.diff(np.append(edges, frames)), np.float32)


@cache
def _hann() -> Curve:
    return np.hanning(N_FFT + 1)[:-1].astype(np.float32)


@cache
def mel_filters() -> Curve:
    """``[bins, 128]``: triangles of unit area on Slaney's mel scale (Auditory Toolbox, 1998)."""
    edges = _mel_to_hz(np.linspace(0, _hz_to_mel(SAMPLE_RATE / 2), _MELS + 2))
    hz = np.arange(_BINS)[:, None] * (SAMPLE_RATE / N_FFT)
    rising = (hz - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - hz) / np.diff(edges)[1:]
    triangles = np.maximum(np.minimum(rising, falling), 0)
    return np.asarray(triangles * (2 / (edges[2:] - edges[:-2])), np.float32)


# Linear up to 1 kHz, 15 mels there; then 27 mels to each factor of 6.4.
_LINEAR_HZ, _LINEAR_MELS, _MELS_PER_6_4 = 1000.0, 15.0, 27.0


def _hz_to_mel(hz: float) -> float:
    if hz <= _LINEAR_HZ:
        return hz * _LINEAR_MELS / _LINEAR_HZ
    return float(_LINEAR_MELS + _MELS_PER_6_4 * np.log(hz / _LINEAR_HZ) / np.log(6.4))


def _mel_to_hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = mels * (_LINEAR_HZ / _LINEAR_MELS)
    above = _LINEAR_HZ * 6.4 ** ((mels - _LINEAR_MELS) / _MELS_PER_6_4)
    return np.where(mels <= _LINEAR_MELS, linear, above)


@cache
def _cosines() -> Curve:
    """``[128, 13]``: the orthonormal DCT-II."""
    angles = np.pi * (np.arange(_MELS)[:, None] + 0.5) * np.arange(MFCCS) / _MELS
    basis = np.cos(angles) * np.sqrt(2 / _MELS)
    basis[:, 0] /= np.sqrt(2)
    return np.asarray(basis, np.float32)
