"""Mixes for the studio: of files that were sent or of a track's stems, and edited stems to keep."""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from stemwright.errors import (
    Cancelled,
    InputError,
    InvalidManifest,
    InvalidStem,
    NoStems,
    StemsUnreadable,
    StorageMissing,
    UnknownTrack,
)
from stemwright.features.exports.naming import clean_title
from stemwright.features.tracks.service import Tracks
from stemwright.features.tracks.track import Stem
from stemwright.jobs.children import ChildPool
from stemwright.kit.clock import utc_now
from stemwright.kit.ids import new_uuid
from stemwright.storage.base import Storage

from .manifest import parse_manifest
from .names import base_name, folded, unedited

STEM_TYPES: Final = (
    "vocals",
    "drums",
    "bass",
    "other",
    "guitar",
    "piano",
    "electric_guitar",
    "acoustic_guitar",
    "synth",
    "strings",
    "wind",
    "instrumental",
)
MAX_STEMS: Final = 32
RENDER: Final = "mixes.render"
"""Name under which the child process knows `child_work.render`."""
_PROBE: Final = "probe"
"""Name under which the child process measures a file, which needs its beginning decoded."""
_PREFIX: Final = "mix-"
_STALE_S: Final = 86_400.0
_WAV: Final = frozenset({b"RIFF", b"RF64"})
Stopped = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class SentStem:
    """A file that stands for a stem."""

    file_name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Mix:
    """A WAV file on this machine."""

    path: Path
    file_name: str
    size_bytes: int


@dataclass(slots=True)
class _Stems:
    """The stems of one mix: where they are, and what the manifest may call them."""

    paths: dict[str, Path] = field(default_factory=dict)
    names: dict[str, Collection[str]] = field(default_factory=dict)

    def add(self, key: str, path: Path, others: Collection[str]) -> None:
        """Add one under a key that no other has, whatever its case."""
        taken, unique, number = {folded(it) for it in self.paths}, key, 2
        while folded(unique) in taken:
            unique, number = f"{key} {number}", number + 1
        self.paths[unique] = path
        self.names[unique] = [*others, key]


@dataclass(slots=True)
class Mixes:
    """Renders mixes in child processes, in folders under ``scratch``."""

    tracks: Tracks
    storage: Storage
    children: ChildPool
    scratch: Path
    max_duration_s: float = 3 * 3600.0
    timeout_s: float = 1800.0
    clock: Callable[[], datetime] = utc_now

    def open_folder(self) -> Path:
        """Make a folder for one mix; `close_folder` removes it with all that is in it."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self.scratch))

    def close_folder(self, folder: Path) -> None:
        """Remove it, whether or not it is there."""
        shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> int:
        """Remove folders of processes that were killed; how many."""
        oldest = self.clock().timestamp() - _STALE_S
        stale = [it for it in self.scratch.glob(f"{_PREFIX}*") if _changed_at(it) < oldest]
        for folder in stale:
            self.close_folder(folder)
        return len(stale)

    def render(
        self,
        owner: str,
        track_id: str,
        manifest: str,
        sent: Sequence[SentStem],
        folder: Path,
        stopped: Stopped = lambda: False,
    ) -> Mix:
        """Mix the stems that were sent, or else the track's own, as a manifest says.

        Raises
        ------
        UnknownTrack, AccessDenied
        InvalidManifest, InvalidStem
        NoStems, StemsUnreadable
            Nothing was sent, and the track has none, or they are gone.
        Cancelled
            ``stopped()`` was true before it was done.
        ChildDied, StorageError

        """
        track = self.tracks.find(owner, track_id)
        own = self.tracks.stems(owner, track_id)
        if not sent and not own:
            raise NoStems(f"Track {track_id} has no stems: send some, or separate it first.")
        stems = _as_sent(sent, own) if sent else _as_kept(own, folder)
        parse_manifest(manifest, stems.names)  # said before anything is fetched or waited for
        if not sent:
            self._fetch(own, stems, stopped)
        output = folder / "mix.wav"
        self.children.ask(
            RENDER,
            {
                "stems": {key: str(path) for key, path in stems.paths.items()},
                "names": {key: list(names) for key, names in stems.names.items()},
                "manifest": manifest,
                "output": str(output),
                "max_duration_s": self.max_duration_s,
            },
            cancelled=stopped,
            timeout_s=self.timeout_s,
        )
        return Mix(output, f"{clean_title(track.title)}_export.wav", output.stat().st_size)

    def keep_edited(self, owner: str, track_id: str, stem_type: str, song: SentStem) -> Stem:
        """Keep a stem that was edited elsewhere, besides those the track has.

        Raises
        ------
        UnknownTrack, AccessDenied
        InvalidStem
            It is of no known type, no WAV, or does not decode.

        """
        self.tracks.find(owner, track_id)
        self._check_edited(stem_type, song)
        key = self._free_key(track_id, stem_type)
        stem = Stem(
            id=new_uuid(),
            track_id=track_id,
            job_id=None,
            stem_type=stem_type,
            file_path=key,
            key=key,
            content_type="audio/wav",
            size_bytes=song.path.stat().st_size,
            source="edited",
        )
        name = key.rpartition("/")[2]
        self.storage.put_file(key, song.path, content_type=stem.content_type, file_name=name)
        with self._deleted_on_failure(key), self.tracks.database.transaction() as session:
            if not self.tracks.add_stems(session, track_id, [stem]):
                raise UnknownTrack(track_id)
        return stem

    def _fetch(self, own: Sequence[Stem], stems: _Stems, stopped: Stopped) -> None:
        for stem, path in zip(own, stems.paths.values(), strict=True):
            if stopped():
                raise Cancelled("The mix is not wanted any more.")
            try:
                self.storage.fetch(stem.key, path)
            except StorageMissing as error:
                raise StemsUnreadable(f"The track's {stem.stem_type} cannot be read.") from error

    def _check_edited(self, stem_type: str, song: SentStem) -> None:
        if stem_type not in STEM_TYPES:
            raise InvalidStem(stem_type, f"its type must be one of {', '.join(STEM_TYPES)}")
        with song.path.open("rb") as file:
            start = file.read(12)
        if start[:4] not in _WAV or start[8:] != b"WAVE":
            raise InvalidStem(stem_type, "the file is no WAV")
        try:
            self.children.ask(
                _PROBE, {"song": str(song.path), "name": song.file_name, "count": False}
            )
        except InputError as error:
            raise InvalidStem(stem_type, error.message) from error

    def _free_key(self, track_id: str, stem_type: str) -> str:
        second = int(self.clock().timestamp())
        while self.storage.stat(key := f"stems/{track_id}/{stem_type}_edited_{second}.wav"):
            second += 1
        return key

    @contextmanager
    def _deleted_on_failure(self, key: str) -> Iterator[None]:
        try:
            yield
        except BaseException:
            with contextlib.suppress(Exception):
                self.storage.delete([key])
            raise


def _as_sent(sent: Sequence[SentStem], own: Sequence[Stem]) -> _Stems:
    """Files, called as they are, and as the track's stems where they are called as these."""
    if len(sent) > MAX_STEMS:
        raise InvalidManifest({"stems": f"are more than {MAX_STEMS}"})
    stems, ids = _Stems(), {stem.stem_type: stem.id for stem in own}
    for file in sent:
        name = base_name(file.file_name) or "stem"
        kind = name.rpartition(" - ")[2]  # as the archive of a track's stems names its files
        known = folded(unedited(kind))
        stems.add(name, file.path, [kind, *([ids[known]] if known in ids else [])])
    return stems


def _as_kept(own: Sequence[Stem], folder: Path) -> _Stems:
    stems = _Stems()
    for stem in own:
        path = folder / f"{stem.stem_type}{Path(stem.key).suffix}"
        stems.add(stem.stem_type, path, [stem.id])
    return stems


def _changed_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # its mix has just ended
        return math.inf
