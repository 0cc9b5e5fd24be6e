"""Samples to log-frequency frames: all that tuning, key and chords need to remember of a song.

A window long enough to tell semitones apart in the bass is mapped to 20-cent bins at once, so an
hour of audio is held in 30 MB and its tuning may be learnt after the last sample has gone by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .tuning import TuningHistogram

SAMPLE_RATE = 22_050
N_FFT = 8192
HOP = 2205
FRAME_S = HOP / SAMPLE_RATE
"""Ten frames a second; each sees 0.37 s."""

LOWEST_MIDI = 24
"""C1, 32.7 Hz: the pitch of bin ``MARGIN_BINS``."""
SEMITONES = 84
BINS_PER_SEMITONE = 5
MARGIN_BINS = 3
"""Bins beyond either end, so that half a semitone of detuning can be undone."""
LOG_BINS = SEMITONES * BINS_PER_SEMITONE + 2 * MARGIN_BINS

_FRAMES_AT_ONCE = 64
_USED_BINS = 1700  # up to 4.5 kHz; harmonics above tell nothing more of the pitch


@dataclass(frozen=True, slots=True)
class PitchFrames:
    """The log-frequency magnitudes of a song."""

    magnitudes: NDArray[np.float16]
    """``[frames, LOG_BINS]``, 20 cents apart, of samples within ±1; frame ``i`` is centred on
    ``i * FRAME_S`` seconds."""
    tuning: TuningHistogram

    @property
    def duration_s(self) -> float:
        """Time covered by the frames, in seconds."""
        return len(self.magnitudes) * FRAME_S


class PitchFrameCollector:
    """Takes a song block by block and keeps its pitch frames.

    Holds 8.5 kB for each second of song besides one window of samples.
    """

    def __init__(self) -> None:
        # the first frame is centred on the first sample
        self._pending = np.zeros(N_FFT // 2, np.float32)
        self._frames: list[NDArray[np.float16]] = []
        self._tuning = TuningHistogram()
        self._samples = 0

    def process(self, block: NDArray[np.float32]) -> None:
        """Take the next ``[samples]`` of mono at ``SAMPLE_RATE``, within ±1; NaN counts as 0."""
        self._samples += len(block)
        self._pending = np.concatenate([self._pending, np.nan_to_num(block, posinf=0, neginf=0)])
        self._take_frames()

    def finish(self) -> PitchFrames:
        """Give what was kept; one frame for each hop of the song."""
        wanted = -(-self._samples // HOP)
        self._pending = np.concatenate([self._pending, np.zeros(N_FFT, np.float32)])
        self._take_frames()
        return PitchFrames(self._joined()[:wanted], self._tuning)

    def _joined(self) -> NDArray[np.float16]:
        """All frames in one array; of a long song there is no room for them twice."""
        joined = np.empty((sum(map(len, self._frames)), LOG_BINS), np.float16)
        end = len(joined)
        while self._frames:
            last = self._frames.pop()
            joined[end - len(last) : end] = last
            end -= len(last)
        return joined

    def _take_frames(self) -> None:
        count = (len(self._pending) - N_FFT) // HOP + 1
        if count <= 0:
            return
        windows = np.lib.stride_tricks.sliding_window_view(self._pending, N_FFT)[::HOP]
        for some in _slices(count):
            magnitudes = window_magnitudes(windows[some])
            self._tuning.add(magnitudes)
            self._frames.append((magnitudes @ _log_frequency_map()).astype(np.float16))
        self._pending = self._pending[count * HOP :].copy()


def window_magnitudes(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Magnitudes of ``[frames, N_FFT]`` samples up to 4.5 kHz: ``[frames, bins]``.

    A sine of amplitude 1 has magnitude 1 at its peak.
    """
    spectrum = np.fft.rfft(windows * _window())[:, :_USED_BINS]
    return np.asarray(np.abs(spectrum), np.float32)


def log_frequencies() -> NDArray[np.float64]:
    """Centre frequencies in Hz of the log-frequency bins, ``[LOG_BINS]``, for A4 = 440 Hz."""
    midi = LOWEST_MIDI + (np.arange(LOG_BINS) - MARGIN_BINS) / BINS_PER_SEMITONE
    return np.asarray(440.0 * 2 ** ((midi - 69) / 12))


def _slices(count: int) -> Iterator[slice]:
    for start in range(0, count, _FRAMES_AT_ONCE):
        yield slice(start, min(start + _FRAMES_AT_ONCE, count))


@cache
def _window() -> NDArray[np.float32]:
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    return np.asarray(window * 2 / window.sum(), np.float32)


@cache
def _log_frequency_map() -> NDArray[np.float32]:
    """``[bins, LOG_BINS]``: triangles as wide as a log bin or an FFT bin, whichever is wider."""
    hz = np.arange(_USED_BINS)[:, None] * SAMPLE_RATE / N_FFT
    centres = log_frequencies()[None, :]
    widths = np.maximum(centres * (2 ** (1 / (12 * BINS_PER_SEMITONE)) - 1), SAMPLE_RATE / N_FFT)
    triangles = np.maximum(0.0, 1 - np.abs(hz - centres) / widths)
    return np.asarray(triangles / triangles.sum(axis=0), np.float32)
