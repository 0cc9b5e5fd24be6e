"""Denoising: the method on one page.

Cut the stream into frames of 20 ms, every 10 ms; tell the network how each frame compares with the
second before; scale and filter the frame's spectrum as the network answers; join the frames again.
The network looks two frames ahead and joining takes one more, so what comes out is 30 ms late and
that much is taken off the front.

Each channel is heard on its own, with its own memory. A voice on the left is then found whatever is
on the right, and a voice in the middle is found in both alike.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemwright.audio.joining import BlockJoiner
from stemwright.errors import OptionError

from .deep_filter import (
    BINS,
    HOP,
    LOOKAHEAD,
    TAPS,
    DeepFilterNetwork,
    Features,
    filtered,
)
from .hop_transform import HopTransform, Spectra

Block = NDArray[np.float32]

DELAY: Final = (LOOKAHEAD + 1) * HOP
"""Samples by which the network's answer comes late."""
LOUDEST: Final = np.float32(1e6)
"""A million times full scale: what a broken file holds beyond that would, squared, overflow and
stay in the network's memory for good."""


class Denoiser:
    """Denoises a stream at ``SAMPLE_RATE`` block by block, in constant memory.

    The joined output has the input's length and lies on it sample by sample, and is the same
    however the input was cut: the network always gets the same whole seconds.

    Parameters
    ----------
    network
        May serve many streams, not two at a time.
    channels
        Of the stream.
    strength
        1 takes all noise that is found; less leaves that part of the original in, down to 0.

    """

    def __init__(self, network: DeepFilterNetwork, channels: int, *, strength: float = 1.0) -> None:
        if not 0 <= strength <= 1:
            raise OptionError(f"strength is {strength}; give 0 to 1")
        self._network = network
        self._strength = np.float32(strength)
        self._joiner = BlockJoiner(channels, network.frames * HOP)
        self._transform = HopTransform(channels, HOP)
        self._features = Features(channels)
        self._states = [network.start() for _ in range(channels)]
        self._past = np.zeros((channels, TAPS - 1, BINS), np.complex64)
        self._late = DELAY
        self._owed = 0

    def process(self, block: Block) -> Block:
        """Take ``[channels, n]`` and return ``[channels, m]``, what is ready so far; m may be 0."""
        self._owed += block.shape[1]
        ready = [self._denoised(chunk) for chunk in self._joiner.add(block)]
        return self._given(ready, len(block))

    def flush(self) -> Block:
        """Return what is still inside, ``[channels, m]``. Call once, after the last block."""
        channels = len(self._past)
        silence = np.zeros((channels, self._network.frames * HOP), np.float32)
        ready: list[Block] = []
        while sum(block.shape[1] for block in ready) - self._late < self._owed:
            ready += (self._denoised(chunk) for chunk in self._joiner.add(silence))
        return self._given(ready, channels)[:, : self._owed]

    def _denoised(self, chunk: Block) -> Block:
        """Denoise as much as the network takes at once; the result is ``DELAY`` late."""
        sound = np.clip(chunk, -LOUDEST, LOUDEST)
        spectra = np.concatenate([self._past, self._transform.analyse(sound)], axis=1)
        levels, bins = self._features.of(spectra[:, TAPS - 1 :])
        gains, taps = self._inferred(levels, bins)
        clean = filtered(spectra, gains, taps)
        if self._strength < 1:
            original = spectra[:, LOOKAHEAD : LOOKAHEAD + clean.shape[1]]
            clean = original + self._strength * (clean - original)
        self._past = spectra[:, 1 - TAPS :]
        return self._transform.synthesise(clean)

    def _inferred(self, levels: Block, bins: Spectra) -> tuple[Block, Spectra]:
        answers = [
            self._network.infer(*heard) for heard in zip(levels, bins, self._states, strict=True)
        ]
        self._states = [state for _, _, state in answers]
        return np.stack([gains for gains, _, _ in answers]), np.stack([t for _, t, _ in answers])

    def _given(self, ready: list[Block], channels: int) -> Block:
        joined = np.concatenate([np.empty((channels, 0), np.float32), *ready], axis=1)
        early = min(self._late, joined.shape[1])
        self._late -= early
        self._owed -= joined.shape[1] - early
        return joined[:, early:]
