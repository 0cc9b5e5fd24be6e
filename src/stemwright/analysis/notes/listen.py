"""A stem through the note network, window by window, onto one grid of frames.

The network is that of Bittner et al., "A lightweight instrument-agnostic model for polyphonic note
transcription and multipitch estimation" (ICASSP 2022). It is handed in as a function, because this
package knows no runtime. Windows overlap, and step by whole frames, so that frames of all windows
fall onto one grid; only the middle of each window is kept, where the network sees both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 22_050
HOP = 256
WINDOW = 43_844
"""Samples the network sees at once: just under two seconds."""
FRAMES = 172
"""Frames it gives for them."""
PITCHES = 88
LOWEST_PITCH = 21
"""MIDI number of pitch 0, a piano's lowest key."""
FRAME_S = HOP / SAMPLE_RATE

_MARGIN = 16  # frames at either end of a window that its neighbour knows better
_KEPT = FRAMES - 2 * _MARGIN

Activation = NDArray[np.float32]
NoteNetwork = Callable[[NDArray[np.float32]], tuple[Activation, Activation]]
"""``[WINDOW]`` mono samples to (sounding, starting), each ``[FRAMES, PITCHES]`` within 0 and 1."""


@dataclass(frozen=True, slots=True)
class NoteActivations:
    """How sure the network is of each pitch; frame ``i`` is at ``i * FRAME_S`` seconds."""

    sounding: NDArray[np.float16]
    """``[frames, PITCHES]``, 0 to 1."""
    starting: NDArray[np.float16]
    """``[frames, PITCHES]``, 0 to 1."""


class NoteListener:
    """Takes a stem block by block; keeps 30 kB for each second of it."""

    def __init__(self, network: NoteNetwork) -> None:
        self._network = network
        self._pending = np.zeros(_MARGIN * HOP, np.float32)
        self._kept: list[tuple[NDArray[np.float16], NDArray[np.float16]]] = []
        self._samples = 0

    def process(self, block: NDArray[np.float32]) -> None:
        """Take the next ``[samples]`` of mono at ``SAMPLE_RATE``; NaN counts as 0."""
        self._samples += len(block)
        self._pending = np.concatenate([self._pending, np.nan_to_num(block, posinf=0, neginf=0)])
        while len(self._pending) >= WINDOW:
            self._hear(self._pending[:WINDOW])
            self._pending = self._pending[_KEPT * HOP :]

    def finish(self) -> NoteActivations:
        """Hear what is left, and give one frame for each hop of the stem."""
        wanted = -(-self._samples // HOP)
        while len(self._kept) * _KEPT < wanted:
            rest = self._pending[:WINDOW]
            self._hear(np.pad(rest, (0, WINDOW - len(rest))))
            self._pending = self._pending[_KEPT * HOP :]
        if not self._kept:
            nothing = np.empty((0, PITCHES), np.float16)
            return NoteActivations(nothing, nothing)
        sounding, starting = (np.concatenate(parts) for parts in zip(*self._kept, strict=True))
        return NoteActivations(sounding[:wanted], starting[:wanted])

    def _hear(self, window: NDArray[np.float32]) -> None:
        sounding, starting = self._network(window)
        middle = slice(_MARGIN, _MARGIN + _KEPT)
        self._kept.append(
            (sounding[middle].astype(np.float16), starting[middle].astype(np.float16))
        )
