"""Makes of fetched tracks the stems that were asked for.

Apart from the fetching, for what it imports: only whoever separates needs NumPy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemwright.audio.channels import to_stereo
from stemwright.audio.decode import SongFile
from stemwright.audio.encode import Encoding, open_encoder
from stemwright.errors import InputError, LalalaiFailed

from .disk import writing

_WAV: Final = frozenset({"wav", "rf64"})
_FRAMES: Final = 65_536
_PREVIEW_S: Final = 60

Block = NDArray[np.float32]


def assemble(
    tracks: Mapping[str, Path], stems: Mapping[str, tuple[str, ...]], folder: Path
) -> dict[str, Path]:
    """Make the files of the stems: of one track each, or of the sum of several."""
    files = {}
    sums_first = sorted(stems.items(), key=lambda stem: -len(stem[1]))  # they read the tracks
    for stem, labels in sums_first:
        files[stem] = folder / f"{stem}.wav"
        sources = [tracks[label] for label in labels]
        with writing():
            if len(sources) == 1:
                sources[0].replace(files[stem])
            else:
                _write_sum(sources, files[stem])
    return {stem: files[stem] for stem in stems}


def cut_beginning(song: Path, into: Path) -> None:
    """Write the first minute of a song as a wav."""
    file = SongFile(song)
    with writing():
        _write(into, file, _first(file.blocks(_FRAMES), _PREVIEW_S * file.info.sample_rate))


def require_sound(path: Path, label: str) -> None:
    """Read a track through: what breaks off or is no wav is not what was asked for.

    Raises
    ------
    LalalaiFailed

    """
    try:
        song = SongFile(path)
        frames = sum(block.shape[1] for block in song.blocks(_FRAMES))
    except InputError as error:
        raise LalalaiFailed(f"What lalal.ai sent as {label} is no sound.") from error
    if song.info.container not in _WAV or frames < (song.info.frames or 0):
        raise LalalaiFailed(f"What lalal.ai sent as {label} is not a whole wav file.")


def _write_sum(sources: Sequence[Path], into: Path) -> None:
    songs = [SongFile(path) for path in sources]
    if len({(song.info.sample_rate, song.info.channels) for song in songs}) > 1:
        raise LalalaiFailed("The tracks lalal.ai sent differ in rate or channels.")
    _write(into, songs[0], _sum(song.blocks(_FRAMES) for song in songs))


def _sum(songs: Iterable[Iterator[Block]]) -> Iterator[Block]:
    for blocks in zip_longest(*songs):
        present = [block for block in blocks if block is not None]
        total = np.zeros((present[0].shape[0], max(b.shape[1] for b in present)), np.float32)
        for block in present:
            total[:, : block.shape[1]] += block
        yield total


def _first(blocks: Iterator[Block], frames: int) -> Iterator[Block]:
    left = frames
    for block in blocks:
        yield block[:, :left]
        left -= block.shape[1]
        if left <= 0:
            return


def _write(into: Path, like: SongFile, blocks: Iterator[Block]) -> None:
    """Write a wav of floats, which neither clips a sum nor rounds it."""
    channels = min(like.info.channels, 2)
    with into.open("w+b") as file:
        encoder = open_encoder(
            file,
            Encoding("wav", "32f"),
            sample_rate=like.info.sample_rate,
            channels=channels,
        )
        for block in blocks:
            folded = block if channels == 1 else to_stereo(block, like.info.positions)
            encoder.write(np.ascontiguousarray(folded))
        encoder.close()
