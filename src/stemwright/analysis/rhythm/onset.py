"""What happens when: onset strength in six bands, and the notes sounding, from mono blocks.

The strength is the spectral flux of a logarithmic mel spectrogram, where each band is compared with
the loudest of its neighbours a moment earlier, so that vibrato and slides do not count (S. Böck and
G. Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

SAMPLE_RATE = 22_050
HOP = 220
FRAME_RATE = SAMPLE_RATE / HOP
"""Frames of onset strength in a second: about 100.2."""
PITCH_EVERY = 10
"""Frames of onset strength to one frame of pitches."""
BAND_EDGES_HZ = (27.5, 120.0, 300.0, 800.0, 2500.0, 6000.0, 11_025.0)
"""Kick drum, bass, low and high middle, snare's rattle, cymbals."""
BANDS = len(BAND_EDGES_HZ) - 1
LOWEST_NOTE, NOTES = 28, 72
"""MIDI number of the lowest pitch looked at (E1, 41 Hz), and how many semitones."""

_WINDOW = 1024
_PITCH_WINDOW = 4096
_LAG = 2  # frames between the spectra compared: 20 ms, half the window
_MEL_FILTERS = 56
_COMPRESSION = 300.0
_PEAK_KEPT_PER_CHUNK = 0.9
_CHUNK_FRAMES = 400  # four seconds are framed at once


@dataclass(frozen=True, slots=True)
class Onsets:
    """Compact representation of a song: about 4 kB for a second of it."""

    strength: Array
    """``[bands, frames]``, not negative, `FRAME_RATE` frames a second, in no unit."""
    pitches: Array
    """``[notes, frames / 10]``: compressed magnitude of each semitone from `LOWEST_NOTE` on."""
    level: Array
    """``[frames]``: root mean square of the samples around each frame, full scale 1."""

    @property
    def seconds(self) -> float:
        return len(self.level) / FRAME_RATE


class OnsetStream:
    """Accumulates `Onsets` from blocks of mono samples in bounded memory.

    Input is float32 ``[samples]`` at 22.05 kHz, nominally within ±1, of any level: magnitudes are
    measured against a slowly falling peak.
    """

    def __init__(self) -> None:
        self._held: list[Array] = [np.zeros(_PITCH_WINDOW // 2, np.float32)]
        self._held_samples = _PITCH_WINDOW // 2
        self._peak = 0.0
        self._before = np.zeros((_LAG, _MEL_FILTERS), np.float32)
        self._strength: list[Array] = []
        self._pitches: list[Array] = []
        self._level: list[Array] = []
        self._samples = 0

    def process(self, samples: Array) -> None:
        """Take the next ``[samples]``."""
        self._held.append(samples)
        self._held_samples += len(samples)
        self._samples += len(samples)
        if self._held_samples >= _CHUNK_FRAMES * HOP + _PITCH_WINDOW:
            self._digest()

    def finish(self) -> Onsets:
        """Return everything there is about the samples given."""
        frames = self._samples // HOP
        self._held.append(np.zeros(_CHUNK_FRAMES * HOP + _PITCH_WINDOW, np.float32))
        self._held_samples += len(self._held[-1])
        self._digest()
        return Onsets(
            strength=np.concatenate(self._strength)[:frames].T.copy(),
            pitches=np.concatenate(self._pitches)[: frames // PITCH_EVERY].T.copy(),
            level=np.concatenate(self._level)[:frames],
        )

    def _digest(self) -> None:
        samples = np.concatenate(self._held)
        step = _CHUNK_FRAMES * HOP
        start = 0
        while start + step + _PITCH_WINDOW <= len(samples):
            self._digest_chunk(samples[start : start + step + _PITCH_WINDOW])
            start += step
        self._held = [samples[start:].copy()]
        self._held_samples = len(samples) - start

    def _digest_chunk(self, samples: Array) -> None:
        offset = (_PITCH_WINDOW - _WINDOW) // 2
        frames = _framed(samples[offset:], _WINDOW, HOP, _CHUNK_FRAMES)
        magnitude = np.abs(np.fft.rfft(frames * _HANN, axis=1))
        self._peak = max(self._peak * _PEAK_KEPT_PER_CHUNK, float(magnitude.max()), 1e-4)
        self._strength.append(self._flux((magnitude @ _MEL).astype(np.float32)))
        self._level.append(np.sqrt(np.mean(np.square(frames), axis=1)))
        self._pitches.append(_pitches(samples, self._peak))

    def _flux(self, mel: Array) -> Array:
        """Return the rise ``[frames, bands]`` of the logarithm of ``mel [frames, filters]``."""
        joined = np.concatenate([self._before, mel])
        self._before = joined[-_LAG:]
        joined = np.log1p(joined * np.float32(_COMPRESSION / self._peak))
        earlier, now = joined[:-_LAG], joined[_LAG:]
        widened = earlier.copy()
        widened[:, 1:] = np.maximum(widened[:, 1:], earlier[:, :-1])
        widened[:, :-1] = np.maximum(widened[:, :-1], earlier[:, 1:])
        rise = np.maximum(now - widened, 0)
        flux = np.add.reduceat(rise, _BAND_STARTS, axis=1) / _BAND_SIZES
        return np.asarray(flux, np.float32)


def onsets_of(samples: Array) -> Onsets:
    """Return the `Onsets` of a whole song ``[samples]`` at 22.05 kHz."""
    stream = OnsetStream()
    stream.process(samples)
    return stream.finish()


def _pitches(samples: Array, peak: float) -> Array:
    count = _CHUNK_FRAMES // PITCH_EVERY
    frames = _framed(samples, _PITCH_WINDOW, HOP * PITCH_EVERY, count)
    magnitude = np.abs(np.fft.rfft(frames * _PITCH_HANN, axis=1))
    pitches: Array = np.log1p(magnitude @ _SEMITONES * (0.1 * _COMPRESSION / peak))
    return pitches.astype(np.float32)


def _framed(samples: Array, window: int, hop: int, count: int) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(samples, window)
    return windows[: count * hop : hop]


def _triangles(centres_hz: Sequence[float], window: int) -> Array:
    """Return triangular filters ``[bins, filters]`` between neighbouring centres, peak 1."""
    hz = np.fft.rfftfreq(window, 1 / SAMPLE_RATE)[:, None]
    left, middle, right = (np.array(centres_hz[k : len(centres_hz) - 2 + k]) for k in range(3))
    filters = np.minimum((hz - left) / (middle - left), (right - hz) / (right - middle))
    # Low filters are narrower than a bin: the nearest bin serves.
    nearest = np.argmin(np.abs(hz - middle), axis=0)
    filters[nearest, np.arange(len(nearest))] = 1
    clipped: Array = np.clip(filters, 0, 1).astype(np.float32)
    return clipped


def _mel_centres() -> list[float]:
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (BAND_EDGES_HZ[0], BAND_EDGES_HZ[-1]))
    mel = np.linspace(low, high, _MEL_FILTERS + 2)
    return [float(hz) for hz in 700 * (10 ** (mel / 2595) - 1)]


_HANN = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
_PITCH_HANN = np.hanning(_PITCH_WINDOW + 1)[:-1].astype(np.float32)
_MEL = _triangles(_mel_centres(), _WINDOW)
_SEMITONES = _triangles(
    [440 * 2 ** ((LOWEST_NOTE + k - 70) / 12) for k in range(NOTES + 2)], _PITCH_WINDOW
)
_BAND_STARTS = np.searchsorted(_mel_centres()[1:-1], BAND_EDGES_HZ[:-1])
_BAND_SIZES = np.diff(np.append(_BAND_STARTS, _MEL_FILTERS)).astype(np.float32)
