"""A song or stem as the analysis takes it: blocks at any rate, of any number of channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemwright.audio.channels import to_mono
from stemwright.audio.decode import SongFile

Block = NDArray[np.float32]

_BLOCK_FRAMES = 65_536


@dataclass(frozen=True, slots=True)
class Sound:
    """Where samples come from; every call of ``blocks`` starts over.

    Blocks are ``[channels, frames]`` float32, full scale ±1, finite.
    """

    blocks: Callable[[], Iterator[Block]]
    sample_rate: int
    channels: int
    frames: int | None = None
    """For progress only; ``None`` when nobody knows before the end."""
    positions: tuple[str, ...] | None = None
    """Speaker of each channel, as in `AudioInfo`."""

    @classmethod
    def of_file(cls, path: Path, *, max_duration_s: float | None = None) -> Sound:
        """A file on disk; raises what `SongFile` raises."""
        song = SongFile(path, max_duration_s=max_duration_s)
        info = song.info
        return cls(
            lambda: song.blocks(_BLOCK_FRAMES),
            info.sample_rate,
            info.channels,
            info.frames,
            info.positions,
        )

    @classmethod
    def sum_of(cls, sounds: Sequence[Sound]) -> Sound:
        """Several stems as one mono sound; all must have one sample rate."""
        first, *rest = sounds
        if not rest:
            return first
        known = [sound.frames or 0 for sound in sounds]
        return cls(lambda: _added(sounds), first.sample_rate, 1, max(known) or None)

    @classmethod
    def of_array(cls, samples: NDArray[np.floating], sample_rate: int) -> Sound:
        """``[channels, frames]`` or ``[frames]``, as a separation already has it in memory."""
        song = np.atleast_2d(samples)
        return cls(lambda: _cut(song), sample_rate, song.shape[0], song.shape[1])


def _cut(song: NDArray[np.floating]) -> Iterator[Block]:
    for start in range(0, song.shape[1], _BLOCK_FRAMES):
        block = song[:, start : start + _BLOCK_FRAMES].astype(np.float32)
        if not np.isfinite(block).all():
            np.nan_to_num(block, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        yield block


def _added(sounds: Sequence[Sound]) -> Iterator[Block]:
    streams = [_even_blocks(sound) for sound in sounds]
    for blocks in zip_longest(*streams):
        present = [block for block in blocks if block is not None]
        total = np.zeros((1, max(block.shape[1] for block in present)), np.float32)
        for block in present:
            total[:, : block.shape[1]] += block
        yield total


def _even_blocks(sound: Sound) -> Iterator[Block]:
    """Mono blocks of one size, whatever sizes the decoder prefers; the last one is shorter."""
    held = np.empty((1, 0), np.float32)
    for block in sound.blocks():
        held = np.concatenate([held, to_mono(block, sound.positions)], axis=1)
        while held.shape[1] >= _BLOCK_FRAMES:
            yield held[:, :_BLOCK_FRAMES]
            held = held[:, _BLOCK_FRAMES:]
    if held.shape[1]:
        yield held
