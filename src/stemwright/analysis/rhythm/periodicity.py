"""How strongly a song repeats itself after each lag, window by window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .onset import FRAME_RATE, Array

WINDOW_FRAMES = 1200  # twelve seconds
STEP_FRAMES = 300
LAGS = 480  # frames: 4.8 s, eight beats at 100 per minute


@dataclass(frozen=True, slots=True)
class Periodicity:
    """Autocorrelation of the onset strength."""

    lags: Array
    """``[windows, LAGS]``: summed over bands; 1 at lag 0, near 0 where nothing repeats."""
    step_s: float
    """Seconds from one window's start to the next one's."""


def whiten(strength: Array) -> Array:
    """Return ``[bands, frames]`` with local mean 0 and local spread about 1.

    Bands that are much weaker than the rest are not blown up: what hardly sounds counts little.
    """
    local_mean = _smoothed(strength, int(0.8 * FRAME_RATE))
    centred = strength - local_mean
    spread = np.sqrt(_smoothed(np.square(centred), int(10 * FRAME_RATE)))
    floor = 0.1 * np.sqrt(np.mean(np.square(centred), axis=1, keepdims=True)) + 1e-3
    whitened: Array = (centred / np.maximum(spread, floor)).astype(np.float32)
    return whitened


def periodicity(whitened: Array) -> Periodicity:
    """Return the windowed autocorrelation of ``whitened [bands, frames]``."""
    frames = whitened.shape[1]
    starts = range(0, max(frames - WINDOW_FRAMES // 2, 1), STEP_FRAMES)
    rows = [_autocorrelation(whitened[:, start : start + WINDOW_FRAMES]) for start in starts]
    return Periodicity(np.array(rows, np.float32), STEP_FRAMES / FRAME_RATE)


def clarity(lags: Array, period: float) -> tuple[float, float]:
    """Return how far the first four multiples of a period stand out of ``lags [LAGS]``.

    The first number is the mean height over the surroundings, as a correlation, near 0 for noise;
    the second is that of the least of them, in spreads of all lags.
    """
    heights: list[float] = []
    for multiple in range(1, 5):
        lag = multiple * period
        low, high = int(lag - period / 2), int(lag + period / 2) + 1
        if high > len(lags) and heights:
            break
        middle = int(lag + 0.5)
        top = float(lags[middle - 1 : middle + 2].max(initial=-1.0))
        heights.append(top - float(np.median(lags[low:high])))
    level = _smoothed(lags[None], 31)[0]
    spread = 1.48 * float(np.median(np.abs(lags - level)[20:])) + 1e-6
    return float(np.mean(heights)), min(heights) / spread


def _autocorrelation(excerpt: Array) -> Array:
    """Return ``[LAGS]``: the unbiased autocorrelation, averaged over bands, 1 at lag 0."""
    length = excerpt.shape[1]
    size = 1 << (length + LAGS).bit_length()
    spectrum = np.abs(np.fft.rfft(excerpt, size, axis=1)) ** 2
    raw = np.fft.irfft(spectrum, axis=1)[:, :LAGS].sum(axis=0)
    overlap = np.maximum(length - np.arange(LAGS), 0.25 * length)
    unbiased = raw / overlap
    normalised: Array = (unbiased / max(unbiased[0], 1e-9)).astype(np.float32)
    return normalised


def _smoothed(rows: Array, width: int) -> Array:
    """Return the moving average of each row over ``width`` frames, shorter at the ends."""
    frames = rows.shape[1]
    half = width // 2
    total = np.concatenate(
        [np.zeros((len(rows), 1)), np.cumsum(rows, axis=1, dtype=np.float64)], axis=1
    )
    start = np.maximum(np.arange(frames) - half, 0)
    stop = np.minimum(np.arange(frames) + half + 1, frames)
    mean: Array = ((total[:, stop] - total[:, start]) / (stop - start)).astype(np.float32)
    return mean
