"""Fetches tracks, and makes of them the stems that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemwright.audio.channels import to_stereo
from stemwright.audio.decode import SongFile
from stemwright.audio.encode import Encoding, open_encoder
from stemwright.errors import InputError, LalalaiFailed, LalalaiUnavailable, OutputError
from stemwright.web.client import Reply

from .api import LalalaiApi
from .replies import Track

_PAUSES_S: Final = (2.0, 5.0, 10.0)
_GONE: Final = frozenset({403, 404})
_WAV: Final = frozenset({"wav", "rf64"})
_FRAMES: Final = 65_536
_PREVIEW_S: Final = 60

Block = NDArray[np.float32]
Progress = Callable[[float], None]


class LinkGone(Exception):
    """The address of a track works no more; there may be a new one."""


@dataclass(slots=True)
class Tracks:
    """Downloads into one folder."""

    api: LalalaiApi
    most_bytes: int
    """Largest track taken."""
    pause: Callable[[float], None]
    check: Callable[[], None]
    """Raises to stop; so does ``pause``."""

    def fetch(self, tracks: Sequence[Track], folder: Path, progress: Progress) -> dict[str, Path]:
        """Fetch each track into a file; the files by label.

        Raises
        ------
        LinkGone
        LalalaiUnavailable
            A track could not be had whole, several times.
        LalalaiFailed
            It is too large, or no sound.

        """
        found = {}
        sizes = [track.size_bytes for track in tracks]
        meter = _Meter([size or 0 for size in sizes] if all(sizes) else None, len(tracks), progress)
        for number, track in enumerate(tracks):
            path = folder / f"track-{number}.wav"
            self._persistently(track, path, meter)
            found[track.label] = path
            meter.next()
        return found

    def _persistently(self, track: Track, path: Path, meter: _Meter) -> None:
        for pause_s in _PAUSES_S:
            try:
                self._fetch(track, path, meter)
            except (LalalaiUnavailable, LalalaiFailed):
                self.pause(pause_s)
            else:
                return
        self._fetch(track, path, meter)

    def _fetch(self, track: Track, path: Path, meter: _Meter) -> None:
        part = path.with_suffix(".part")
        with self.api.track(track.url) as reply:
            if reply.status in _GONE:
                raise LinkGone(track.label)
            if reply.status != 200:
                raise LalalaiUnavailable(
                    f"lalal.ai has the track {track.label} ready and does not send it (HTTP "
                    f"{reply.status})."
                )
            size = self._receive(reply, track, part, meter)
        if track.size_bytes is not None and size != track.size_bytes:
            raise LalalaiUnavailable(
                f"lalal.ai sent {size} of the {track.size_bytes} bytes of {track.label}."
            )
        _require_sound(part, track.label)
        part.replace(path)

    def _receive(self, reply: Reply, track: Track, part: Path, meter: _Meter) -> int:
        size = 0
        with writing(), part.open("wb") as file:
            for block in reply.blocks():
                size += len(block)
                if size > min(self.most_bytes, track.size_bytes or self.most_bytes):
                    raise LalalaiFailed(
                        f"lalal.ai sends more for {track.label} than a stem of this song can have."
                    )
                file.write(block)
                meter(size)
                self.check()
        return size


class _Meter:
    """How much of several files is there; by their count where sizes are not known."""

    def __init__(self, sizes: list[int] | None, count: int, progress: Progress) -> None:
        self._sizes = sizes or [0] * count
        self._is_measured = sizes is not None
        self._progress = progress
        self._done = 0

    def __call__(self, size: int) -> None:
        if self._is_measured:
            before = sum(self._sizes[: self._done])
            self._progress(min((before + size) / sum(self._sizes), 1.0))

    def next(self) -> None:
        self._done += 1
        if not self._is_measured:
            self._progress(self._done / len(self._sizes))


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


@contextmanager
def writing() -> Iterator[None]:
    """Translate what a full disk raises."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"Cannot store a track: {error.strerror or error}. Make room in the data folder, or "
            "fix its permissions."
        ) from error


def _require_sound(path: Path, label: str) -> None:
    """Read it through: what breaks off or is no wav is not what was asked for."""
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
