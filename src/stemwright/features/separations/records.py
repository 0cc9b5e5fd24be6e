"""The note left beside the stems: which song they came from and how they were made.

It lets a repeated run skip what is done, gives two songs of one name two places that stay theirs,
and tells our files from foreign ones. A record names a file as *owned* before that file appears
and as *finished* only afterwards, so a process killed at any point leaves nothing that a later run
would refuse to replace or mistake for a result.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from stemwright.errors import InputNotFound
from stemwright.kit.files import AtomicFiles

_VERSION: Final = 1
_SUFFIX: Final = ".stemwright.json"
_EDGE_BYTES: Final = 1 << 20
_HUGE_RECORD_BYTES: Final = 4 << 20

Recipe = Mapping[str, object]
"""Everything besides the song that decides the samples of a stem and their encoding."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A song file as it was when its stems were made."""

    path: str
    size: int
    mtime_ns: int
    edges: str
    """BLAKE2b of the first and the last MiB."""
    content: str
    """BLAKE2b of the whole file."""

    @classmethod
    def of(cls, song: Path) -> Fingerprint:
        """Read a song once to know it again.

        Raises
        ------
        InputNotFound

        """
        try:
            with song.open("rb") as file:
                status = os.fstat(file.fileno())
                content = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
            size, mtime_ns = status.st_size, status.st_mtime_ns
            return cls(_absolute(song), size, mtime_ns, _edges(song), content.hexdigest())
        except OSError as error:
            raise InputNotFound(_unreadable(song, error)) from error

    def matches(self, song: Path) -> bool:
        """Whether the file still has this content, reading no more of it than needed."""
        try:
            status = song.stat()
            if status.st_size != self.size or _edges(song) != self.edges:
                return False
            untouched = status.st_mtime_ns == self.mtime_ns and _absolute(song) == self.path
            return untouched or Fingerprint.of(song).content == self.content
        except OSError as error:
            raise InputNotFound(_unreadable(song, error)) from error


def _absolute(song: Path) -> str:
    return os.path.abspath(song)


def _edges(song: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with song.open("rb") as file:
        digest.update(file.read(_EDGE_BYTES))
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - _EDGE_BYTES, 0))
        digest.update(file.read(_EDGE_BYTES))
    return digest.hexdigest()


def _unreadable(song: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{song}: cannot be read ({reason}); check the path and its permissions"


@dataclass(frozen=True, slots=True)
class Rendition:
    """Stems made in one way: recipe, and for each stem its file (relative) and size in bytes."""

    recipe: dict[str, object]
    files: dict[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one song's place. ``folder`` is where the record lies."""

    folder: Path
    song: Fingerprint
    owned: frozenset[str] = frozenset()
    renditions: tuple[Rendition, ...] = field(default=())

    def owns(self, path: Path) -> bool:
        """Whether a run of ours made, or was about to make, this file."""
        return self._relative(path) in self.owned

    def finished(self, recipe: Recipe, stems: Mapping[str, Path]) -> bool:
        """Whether every stem is there, made by this recipe, with the size it had."""
        made = self._rendition(recipe)
        return made is not None and all(
            made.files.get(stem) == (self._relative(path), _size(path))
            for stem, path in stems.items()
        )

    def claiming(self, song: Fingerprint, stems: Mapping[str, Path]) -> Record:
        """The record to write before the stems appear: they are ours, and not finished."""
        names = {self._relative(path) for path in stems.values()}
        kept = (
            Rendition(old.recipe, {s: f for s, f in old.files.items() if f[0] not in names})
            for old in self.renditions
            if song.content == self.song.content
        )
        renditions = tuple(old for old in kept if old.files)
        return Record(self.folder, song, self.owned | names, renditions)

    def finishing(self, recipe: Recipe, stems: Mapping[str, Path]) -> Record:
        """The record to write once the stems are in place."""
        files = {stem: (self._relative(path), path.stat().st_size) for stem, path in stems.items()}
        before = self._rendition(recipe)
        merged = Rendition(dict(recipe), {**(before.files if before else {}), **files})
        others = tuple(old for old in self.renditions if old is not before)
        return Record(self.folder, self.song, self.owned, (*others, merged))

    def _rendition(self, recipe: Recipe) -> Rendition | None:
        return next((made for made in self.renditions if made.recipe == dict(recipe)), None)

    def _relative(self, path: Path) -> str:
        return os.path.relpath(path, self.folder)

    def write(self, path: Path) -> None:
        """Write the record whole or not at all."""
        with AtomicFiles() as files:
            files.open(path).write(json.dumps(self._document(), indent=1).encode())
            files.commit()

    def _document(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "song": asdict(self.song),
            "owned": sorted(self.owned),
            "renditions": [asdict(made) for made in self.renditions],
        }


def read_record(path: Path) -> Record | None:
    """Read a record; ``None`` if there is none, or none that this version understands."""
    try:
        if path.stat().st_size > _HUGE_RECORD_BYTES:
            return None
        document = json.loads(path.read_bytes())
        return _parsed(path.parent, document) if document["version"] == _VERSION else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _parsed(folder: Path, document: dict[str, Any]) -> Record:
    renditions = tuple(
        Rendition(
            dict(made["recipe"]),
            {str(stem): (str(name), int(size)) for stem, (name, size) in made["files"].items()},
        )
        for made in document["renditions"]
    )
    owned = frozenset(str(name) for name in document["owned"])
    return Record(folder, Fingerprint(**document["song"]), owned, renditions)


def owned_paths(folder: Path, names: Iterable[str]) -> set[Path]:
    """Absolute paths of the stems that the records among ``names`` in ``folder`` speak of."""
    records = (read_record(folder / name) for name in names if name.endswith(_SUFFIX))
    return {
        Path(os.path.abspath(folder / owned))
        for record in records
        if record is not None
        for owned in record.owned
    }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
