"""Synthetic music: deterministic arrays ``[channels, frames]`` of float32 within ±1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]


def tones(
    seconds: float = 1.0, *, sample_rate: int = 44100, channels: int = 2, level: float = 0.4
) -> Block:
    """Return one steady, different tone per channel; survives lossy codecs nearly unchanged."""
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    pitches = 220.0 * 2 ** (np.arange(channels) * 7 / 12)
    return (level * np.sin(2 * np.pi * pitches[:, None] * times)).astype(np.float32)


def noise(
    frames: int, *, channels: int = 2, level: float = 0.1, seed: int = 0, bits: int | None = None
) -> Block:
    """Return white noise; with ``bits``, rounded to that integer grid."""
    rng = np.random.default_rng(seed)
    samples = np.clip(level * rng.standard_normal((channels, frames)), -1, 1)
    if bits is not None:
        scale = 2 ** (bits - 1)
        samples = np.clip(np.rint(samples * scale), -scale, scale - 1) / scale
    return samples.astype(np.float32)


def music(seconds: float = 4.0, *, sample_rate: int = 44100, seed: int = 0) -> Block:
    """Return stereo with decaying chords, a bass and noise bursts on the beat, at about -12 dB."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    beat = times % 0.5
    chord = sum(np.sin(2 * np.pi * pitch * times) for pitch in (261.6, 329.6, 392.0))
    bass = np.sin(2 * np.pi * 65.4 * times)
    hits = rng.standard_normal(times.size) * np.exp(-40 * beat)
    left = 0.06 * chord * np.exp(-3 * beat) + 0.15 * bass + 0.10 * hits
    right = 0.05 * chord * np.exp(-2 * beat) + 0.15 * bass + 0.08 * hits
    return np.stack([left, right]).astype(np.float32)


def lag_of(heard: Block, meant: Block) -> int:
    """Return by how many frames the first channel of ``heard`` trails that of ``meant``."""
    size = 1 << (heard.shape[1] + meant.shape[1]).bit_length()
    spectrum = np.fft.rfft(heard[0], size) * np.conj(np.fft.rfft(meant[0], size))
    peak = int(np.argmax(np.fft.irfft(spectrum, size)))
    return peak if peak < size // 2 else peak - size
