"""Fetches tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemwright.errors import LalalaiFailed, LalalaiUnavailable
from stemwright.web.client import Reply

from .api import LalalaiApi
from .disk import writing
from .replies import Track

_PAUSES_S: Final = (2.0, 5.0, 10.0)
_GONE: Final = frozenset({403, 404})

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
        from .sounds import require_sound  # noqa: PLC0415  # brings NumPy

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
        require_sound(part, track.label)
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
