"""One pass over a song: decoded once, brought to mono 22.05 kHz once, heard by whoever is asked.

A listener keeps what it needs of each block and nothing else, so hours of audio take little memory.
Listeners differ in their windows (10 ms steps for onsets, 0.37 s for semitones in the bass), so
what they share is the low-rate signal and not a spectrum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from stemwright.audio.channels import to_mono
from stemwright.audio.resample import StreamResampler
from stemwright.errors import Cancelled

from .sound import Block, Sound

SAMPLE_RATE: Final = 22_050
"""Rate of the mono signal in Hz: what lies above 11 kHz tells neither pitch nor beat."""

_FULL_SCALE = 0.9995
_FLAT = 0.99995  # of the peak: less than two steps of 16 bits

Samples = NDArray[np.float32]
Progress = Callable[[float], None]


class MonoListener(Protocol):
    """Takes ``[frames]`` float32 at `SAMPLE_RATE`, in order, in pieces of any size."""

    def process(self, samples: Samples) -> None:
        """Take the next samples."""


class BlockListener(Protocol):
    """Takes ``[channels, frames]`` float32 as the song has them."""

    def process(self, block: Block) -> None:
        """Take the next block."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What is to be said of the samples themselves."""

    duration_s: float
    peak: float
    """Largest sample of any channel, full scale 1."""
    clipped_share: float
    """Share of frames where a song that reaches full scale is flat there for three samples."""
    silent_channels: tuple[int, ...]
    """Channels without any sound, in a song that has some."""


def hear(
    sound: Sound,
    mono: Sequence[MonoListener] = (),
    full: Sequence[BlockListener] = (),
    *,
    progress: Progress = lambda _fraction: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Condition:
    """Play a sound to listeners, once.

    ``progress`` gets the fraction heard, where that is known; ``cancelled`` is asked every block.

    Raises
    ------
    Cancelled
        And whatever the decoder raises.

    """
    resampler = StreamResampler(sound.sample_rate, SAMPLE_RATE, 1)
    watch = _Watch(sound.channels)
    for block in sound.blocks():
        if cancelled():
            raise Cancelled("the analysis was stopped")
        watch.process(block)
        for listener in full:
            listener.process(block)
        if mono:
            _tell(mono, resampler.process(to_mono(block, sound.positions)))
        if sound.frames:
            progress(min(watch.frames / sound.frames, 1.0))
    if mono:
        _tell(mono, resampler.flush())
    return watch.condition(sound.sample_rate)


def _tell(listeners: Sequence[MonoListener], block: Block) -> None:
    if block.shape[1]:
        for listener in listeners:
            listener.process(block[0])


class _Watch:
    """Keeps peaks: of the song, of its channels, and how often the song is at its peak."""

    def __init__(self, channels: int) -> None:
        self.frames = 0
        self._peaks = np.zeros(channels, np.float32)
        self._at_peak = 0

    def process(self, block: Block) -> None:
        """Take the next block."""
        self.frames += block.shape[1]
        before = self._peaks.max(initial=0.0)
        peaks = np.maximum(block.max(axis=1, initial=0), -block.min(axis=1, initial=0))
        self._peaks = np.maximum(self._peaks, peaks)
        highest = self._peaks.max(initial=0.0)
        if highest > before:
            self._at_peak = 0
        if highest >= _FULL_SCALE and peaks.max(initial=0.0) >= highest * _FULL_SCALE:
            flat = np.abs(block) >= highest * _FLAT
            flat = flat[:, :-2] & flat[:, 1:-1] & flat[:, 2:]
            self._at_peak += int(np.count_nonzero(flat.any(axis=0)))

    def condition(self, sample_rate: int) -> Condition:
        """Say what was met."""
        highest = float(self._peaks.max(initial=0.0))
        dead = [k for k, peak in enumerate(self._peaks) if highest > 0 and peak <= 0]
        clipped = self._at_peak if highest >= _FULL_SCALE else 0
        share = clipped / max(self.frames, 1)
        return Condition(self.frames / sample_rate, highest, share, tuple(dead))
