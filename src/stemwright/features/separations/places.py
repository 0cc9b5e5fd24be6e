"""Finding a song its place in the output folder, and refusing places that are not ours."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stemwright.errors import OutputError

from .naming import NameTemplate, NameValues, Slot
from .records import Record, read_record

# A removed folder leaves a gap in song, song-2, song-3; a song beyond it still finds its own.
_GAP: Final = 3
_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where the stems of one song go, and what is known of them."""

    slot: Slot
    record: Record | None


@dataclass(slots=True)
class Places:
    """Hands out places during one batch; two songs never get the same one."""

    folder: Path
    template: NameTemplate
    _taken: dict[Path, Path] = field(default_factory=dict)

    def find(self, song: Path, values: NameValues, extension: str) -> Place:
        """The place this song had before, else the first that no other song has.

        A record makes a place the song's own if it names the song's path or has its content. Files
        without a record do not make a place taken: they are foreign, and an error later.
        """
        free: Slot | None = None
        gap = 0
        for number in range(1, _MOST):
            slot = self.template.slot(self.folder, values, extension, number)
            record = read_record(slot.record)
            if record is not None and self._is_of(record, slot, song):
                return self._take(Place(slot, record), song)
            if record is not None or slot.record in self._taken:
                gap = 0
                continue
            free, gap = free or slot, gap + 1
            if gap == _GAP:
                break
        if free is None:
            raise OutputError(
                f"{song}: {_MOST} songs of this name have stems in {self.folder}; "
                "choose another folder with --output or tell them apart with --name"
            )
        return self._take(Place(free, None), song)

    def _is_of(self, record: Record, slot: Slot, song: Path) -> bool:
        named = record.song.path == os.path.abspath(song)
        if named and self._taken.get(slot.record, song) == song:
            return True
        return record.song.matches(song)

    def _take(self, place: Place, song: Path) -> Place:
        self._taken[place.slot.record] = song
        return place


def refuse_overwriting(
    place: Place, stems: Mapping[str, Path], songs: Collection[Path], *, force: bool
) -> None:
    """Refuse stems that would replace a song or, without ``force``, a file that is not ours.

    ``songs`` are the absolute paths of the whole batch.

    Raises
    ------
    OutputError

    """
    for path in stems.values():
        if Path(os.path.abspath(path)) in songs:
            raise OutputError(f"{path} is one of the songs; choose another --output or --name")
        if path.is_dir():
            raise OutputError(f"{path} is a folder; choose another --output or --name")
        owned = place.record is not None and place.record.owns(path)
        if os.path.lexists(path) and not owned and not force:
            raise OutputError(
                f"{path} already exists and was not made by stemwright; move it away, "
                "choose another --output or --name, or replace it with --force"
            )
