"""A batch of songs, one after the other; a song that fails never stops the rest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from stemwright.audio.decode import SongFile
from stemwright.errors import Cancelled, OutputError, StemwrightError
from stemwright.kit.files import AtomicFiles

from .formats import Format, encoding_for
from .naming import DEFAULT_TEMPLATE, NameTemplate, NameValues
from .places import Place, Places, refuse_overwriting
from .records import Fingerprint, Recipe, Record
from .render import Cancel, SongMixture, SongSeparator, measure
from .stem_files import render_files
from .stems import INSTRUMENTAL

if TYPE_CHECKING:
    from stemwright.audio.encode import Encoding
    from stemwright.engine.separate import Method, Progress

Status = Literal["done", "skipped", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Request:
    """What a user wants of every song of a batch."""

    folder: Path
    model: str
    quality: str
    stems: tuple[str, ...]
    method: Method
    format: Format
    engine: Mapping[str, object] = field(default_factory=dict)
    """What else decides the samples: weights hash, runtime, precision."""
    template: NameTemplate = field(default_factory=lambda: NameTemplate(DEFAULT_TEMPLATE))
    exact_sum: bool = False
    force: bool = False
    max_duration_s: float | None = None

    def on(self, engine: Mapping[str, object]) -> Request:
        """The same request, executed by a particular engine."""
        return replace(self, engine=engine)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one song ended."""

    song: Path
    status: Status
    stems: Mapping[str, Path] = field(default_factory=dict)
    duration_s: float | None = None
    seconds: float = 0.0
    """Wall time spent on the song."""
    error: Exception | None = None

    @property
    def realtime_factor(self) -> float | None:
        """Seconds of music separated in one second."""
        if self.status != "done" or not self.duration_s or not self.seconds:
            return None
        return self.duration_s / self.seconds


class Listener(Protocol):
    """Told how a batch goes; every method is called from the thread that runs the batch."""

    def started(self, song: Path, number: int, total: int) -> None:
        """A song's turn has come."""
        ...

    def advanced(self, progress: Progress) -> None:
        """The song in work is this far."""
        ...

    def ended(self, outcome: Outcome) -> None:
        """A song is finished, one way or the other."""
        ...


class SeparatorLoader:
    """Loads the model in a thread of its own, at first need, so that reading the song hides it."""

    def __init__(self, load: Callable[[], SongSeparator]) -> None:
        self._load = load
        self._loaded: Future[SongSeparator] | None = None

    def start(self) -> None:
        """Begin loading; does nothing the second time."""
        if self._loaded is None:
            pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
            self._loaded = pool.submit(self._load)
            pool.shutdown(wait=False)

    def get(self) -> SongSeparator:
        """Wait for the model; raises what loading raised."""
        self.start()
        assert self._loaded is not None
        return self._loaded.result()

    def failed_with(self, error: BaseException) -> bool:
        """Whether this very error came from loading, and so would meet every song."""
        loaded = self._loaded
        return loaded is not None and loaded.done() and loaded.exception() is error


@dataclass(slots=True)
class Batch:
    """Songs to separate by one request."""

    request: Request
    loader: SeparatorLoader
    listener: Listener
    cancelled: Cancel
    clock: Callable[[], float] = time.perf_counter

    def run(self, songs: Sequence[Path]) -> Iterator[Outcome]:
        """Yield the outcome of each song as it ends; ends early once cancelled.

        Raises
        ------
        StemwrightError
            The model cannot be loaded, whatever the song.

        """
        places = Places(self.request.folder, self.request.template)
        known = frozenset(Path(os.path.abspath(song)) for song in songs)
        for number, song in enumerate(songs, 1):
            if self.cancelled():
                return
            self.listener.started(song, number, len(songs))
            outcome = self._outcome(song, places, known)
            self.listener.ended(outcome)
            yield outcome

    def _outcome(self, song: Path, places: Places, known: frozenset[Path]) -> Outcome:
        started = self.clock()
        try:
            return self._separated(song, places, known, started)
        except Cancelled as error:
            return Outcome(song, "cancelled", seconds=self.clock() - started, error=error)
        except Exception as error:
            # The edge of one song: whatever it met, the other songs of the batch still get theirs.
            if self.loader.failed_with(error):
                raise
            known_error = _translated(error, self.request.folder)
            return Outcome(song, "failed", seconds=self.clock() - started, error=known_error)

    def _separated(
        self, path: Path, places: Places, known: frozenset[Path], started: float
    ) -> Outcome:
        request = self.request
        song = SongFile(path, max_duration_s=request.max_duration_s)
        encoding = encoding_for(song.info, request.format)
        tags = song.info.tags
        values = NameValues(path.stem, request.model, request.quality, tags.artist, tags.title)
        place = places.find(path, values, encoding.extension.lstrip("."))
        stems = {stem: place.slot.path(stem) for stem in request.stems}
        recipe = self._recipe(encoding)
        if not request.force and _is_done(place, path, recipe, stems):
            return Outcome(path, "skipped", stems, song.info.duration_s, self.clock() - started)
        refuse_overwriting(place, stems, known, force=request.force)
        self.loader.start()
        mixture = self._write(song, place, stems, encoding, recipe)
        return Outcome(path, "done", stems, mixture.duration_s, self.clock() - started)

    def _write(
        self,
        song: SongFile,
        place: Place,
        stems: Mapping[str, Path],
        encoding: Encoding,
        recipe: Recipe,
    ) -> SongMixture:
        """Measure, render, and let all stems appear at once, framed by the two records."""
        before = Fingerprint.of(song.info.path)
        mixture = measure(song, self.cancelled)
        with AtomicFiles() as files:
            self._render(mixture, stems, encoding, files)
            record = place.record or Record(place.slot.record.parent, before)
            record = record.claiming(before, stems)
            record.write(place.slot.record)
            files.commit()
        record.finishing(recipe, stems).write(place.slot.record)
        return mixture

    def _render(
        self,
        mixture: SongMixture,
        stems: Mapping[str, Path],
        encoding: Encoding,
        files: AtomicFiles,
    ) -> None:
        render_files(
            mixture,
            {stem: files.open(path) for stem, path in stems.items()},
            encoding,
            self.loader.get,
            self.request.method,
            exact=self.request.exact_sum,
            progress=self.listener.advanced,
            cancelled=self.cancelled,
        )

    def _recipe(self, encoding: Encoding) -> Recipe:
        method = self.request.method
        return {
            "model": self.request.model,
            **self.request.engine,
            "overlap": method.overlap,
            "shifts": method.shifts,
            "segment_s": method.segment_s,
            "seed": method.seed,
            "exact_sum": self.request.exact_sum,
            # Where the instrumental would leave full scale, the vocals beside it give way.
            "instrumental": INSTRUMENTAL in self.request.stems,
            "format": encoding.format,
            "bit_depth": encoding.bit_depth,
            "bitrate_kbps": encoding.bitrate_kbps if encoding.format == "mp3" else None,
        }


def _is_done(place: Place, song: Path, recipe: Recipe, stems: Mapping[str, Path]) -> bool:
    record = place.record
    return record is not None and record.finished(recipe, stems) and record.song.matches(song)


def _translated(error: Exception, folder: Path) -> Exception:
    """Songs are read behind a seam of their own, so an error of the system concerns the output."""
    if isinstance(error, StemwrightError) or not isinstance(error, OSError):
        return error
    what = error.filename or folder
    reason = error.strerror or str(error)
    translated = OutputError(
        f"{what}: the stems cannot be written ({reason}); free space or choose another --output"
    )
    translated.__cause__ = error
    return translated
