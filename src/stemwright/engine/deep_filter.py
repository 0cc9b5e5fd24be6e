"""What DeepFilterNet 3 hears of a spectrum, and what is done to the spectrum with its answer.

Schröter et al., "DeepFilterNet: Perceptually Motivated Real-Time Speech Enhancement" (Interspeech
2023). Its constants and the features it was trained on are those of the published network's
``config.ini`` and of ``libDF/src/lib.rs`` (commit d375b2d). The network itself is handed in.

One divergence: where a bin has been digital silence for over a minute, the reference divides zero
by a mean that has decayed to zero. Here that mean has a floor.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Spectra = NDArray[np.complex64]
State = tuple[Array, ...]

SAMPLE_RATE: Final = 48_000
HOP: Final = 480
BINS: Final = HOP + 1
BANDS: Final = 32
"""Bands of equal width on the ERB scale, each with a gain."""
FILTERED: Final = 96
"""Lowest bins, up to 4.8 kHz: these are filtered over time instead."""
TAPS: Final = 5
LOOKAHEAD: Final = 2
"""Frames after its own that an answer is based on, and that its filter reaches."""

_NARROWEST: Final = 2  # bins in a band
_DECAY: Final = 0.99  # a frame: a time constant of one second, as the network was trained
_LEVEL_SPAN_DB: Final = np.float32(40)
_DB_A_DECADE: Final = np.float32(10)
_QUIETEST: Final = np.float32(1e-10)
_FLOOR: Final = np.float32(1e-30)


class DeepFilterNetwork(Protocol):
    """The network on some runtime; it keeps nothing between calls."""

    frames: int
    """How many frames one call takes."""

    def start(self) -> State:
        """Give the state before the first frame."""
        ...

    def infer(self, levels: Array, bins: Spectra, state: State) -> tuple[Array, Spectra, State]:
        """Answer for ``frames`` frames of one channel.

        Parameters
        ----------
        levels : [frames, BANDS], float32
        bins : [frames, FILTERED], complex64
        state
            What `start` or the call for the frames before returned.

        Returns
        -------
        gains [frames, BANDS] within 0 and 1, taps [frames, FILTERED, TAPS] complex64, the state.
            Those of step ``s`` belong to frame ``s - LOOKAHEAD``.

        """
        ...


def band_widths() -> list[int]:
    """Bins in each band: equal steps on the ERB scale of Glasberg and Moore, at least two bins."""
    edges = _bins_at(np.arange(BANDS + 1) * _erb(SAMPLE_RATE / 2) / BANDS)
    widths, owed = [], 0
    for wide in np.diff(edges).tolist():
        width = max(wide - owed, _NARROWEST)
        owed = max(_NARROWEST - (wide - owed), 0)
        widths.append(width)
    # the last band takes the bin at half the sample rate, less what narrow bands were given
    widths[-1] += BINS - sum(widths)
    return widths


def _erb(frequency: float) -> float:
    return 9.265 * float(np.log1p(frequency / (24.7 * 9.265)))


def _bins_at(erb: NDArray[np.float64]) -> NDArray[np.int64]:
    frequency = 24.7 * 9.265 * np.expm1(erb / 9.265)
    return np.rint(frequency * 2 * HOP / SAMPLE_RATE).astype(np.int64)


_WIDTHS: Final = np.array(band_widths(), np.float32)
_STARTS: Final = np.cumsum([0, *band_widths()[:-1]])


class Features:
    """Levels and bins of a stream of ``channels``, relative to a running mean of themselves."""

    def __init__(self, channels: int) -> None:
        self._levels = _RunningMean(np.linspace(-60, -90, BANDS), channels)
        self._magnitudes = _RunningMean(np.linspace(1e-3, 1e-4, FILTERED), channels)

    def of(self, spectra: Spectra) -> tuple[Array, Spectra]:
        """Take ``[channels, frames, BINS]``; give ``[…, BANDS]`` and complex ``[…, FILTERED]``."""
        levels, bins = _levels(spectra), spectra[..., :FILTERED]
        mean = np.maximum(self._magnitudes.follow(np.abs(bins)), _FLOOR)
        heard: Array = (levels - self._levels.follow(levels)) / _LEVEL_SPAN_DB
        return heard, (bins / np.sqrt(mean)).astype(np.complex64, copy=False)


def _levels(spectra: Spectra) -> Array:
    """Mean power of each band in dB."""
    power: Array = np.add.reduceat(spectra.real**2 + spectra.imag**2, _STARTS, axis=-1)
    levels: Array = _DB_A_DECADE * np.log10(power / _WIDTHS + _QUIETEST)
    return levels


class _RunningMean:
    """First-order mean over time, frame by frame, started at given values."""

    def __init__(self, start: NDArray[np.float64], channels: int) -> None:
        self._mean = np.tile(start.astype(np.float32), (channels, 1, 1))

    def follow(self, values: Array) -> Array:
        """Take ``[channels, frames, n]``; give the mean after each frame."""
        # the recursion of a whole block at once: what each frame adds, and what is left of before
        age = np.subtract.outer(np.arange(values.shape[1]), np.arange(values.shape[1]))
        adds = np.where(age >= 0, (1 - _DECAY) * _DECAY ** np.maximum(age, 0), 0)
        left = _DECAY ** (1.0 + np.arange(values.shape[1]))[:, None]
        means: Array = adds.astype(np.float32) @ values + left.astype(np.float32) * self._mean
        self._mean = means[:, -1:]
        return means


def filtered(spectra: Spectra, gains: Array, taps: Spectra) -> Spectra:
    """Apply the network's answer.

    Parameters
    ----------
    spectra : [channels, frames + TAPS - 1, BINS]
        The frames the answer was given for, and the ``TAPS - 1`` before them.
    gains : [channels, frames, BANDS]
    taps : [channels, frames, FILTERED, TAPS]

    Returns
    -------
    [channels, frames, BINS]
        ``LOOKAHEAD`` frames earlier than the answer: above 4.8 kHz each band by its gain, below
        each bin summed over two frames to either side.

    """
    frames = gains.shape[1]
    result = spectra[:, LOOKAHEAD : LOOKAHEAD + frames] * np.repeat(gains, band_widths(), axis=-1)
    result[..., :FILTERED] = sum(
        spectra[:, tap : tap + frames, :FILTERED] * taps[..., tap] for tap in range(TAPS)
    )
    return result
