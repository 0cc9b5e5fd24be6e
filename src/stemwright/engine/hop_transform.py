"""Spectra of a stream and back again: half-overlapping frames under a Vorbis window.

Frame ``t`` covers the hops ``t - 1`` and ``t``; before the stream there is silence. The window is
that of the Vorbis specification (section 1.3.2), whose square and its neighbour's add up to one,
so spectra left alone give the samples back, one hop late.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]
Spectra = NDArray[np.complex64]


class HopTransform:
    """Analysis and synthesis of one stream of ``channels``; both remember half a frame."""

    def __init__(self, channels: int, hop: int) -> None:
        self._hop = hop
        rise = np.sin(np.pi / 2 * (np.arange(2 * hop) + 0.5) / hop) ** 2
        self._window = np.sin(np.pi / 2 * rise).astype(np.float32)
        self._heard = np.zeros((channels, 1, hop), np.float32)
        self._half_done = np.zeros((channels, 1, hop), np.float32)

    def analyse(self, samples: Block) -> Spectra:
        """Turn ``[channels, frames * hop]`` into ``[channels, frames, hop + 1]``.

        Scaled by the length of a frame: a sine of amplitude 1 has a bin of about 0.3.
        """
        hops = samples.reshape(len(samples), -1, self._hop)
        joined = np.concatenate([self._heard, hops], axis=1)
        self._heard = joined[:, -1:]
        frames = np.concatenate([joined[:, :-1], joined[:, 1:]], axis=2)
        spectra = np.fft.rfft(frames * self._window, norm="forward")
        return spectra.astype(np.complex64, copy=False)

    def synthesise(self, spectra: Spectra) -> Block:
        """Turn ``[channels, frames, hop + 1]`` into ``[channels, frames * hop]``, one hop late."""
        frames = np.fft.irfft(spectra, n=2 * self._hop, norm="forward").astype(np.float32)
        frames *= self._window
        early, late = frames[..., : self._hop], frames[..., self._hop :]
        hops: Block = early + np.concatenate([self._half_done, late[:, :-1]], axis=1)
        self._half_done = late[:, -1:]
        return hops.reshape(len(hops), -1)
