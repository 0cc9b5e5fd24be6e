"""What a child process does for a separation job: a song on disk in, its stems on disk out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final, Protocol

from stemwright.analysis.analyse import analyse
from stemwright.analysis.document import document
from stemwright.analysis.sound import Sound
from stemwright.audio.decode import SongFile
from stemwright.engine.catalog import QUALITIES, Pass, find_model
from stemwright.engine.separate import Method, Progress
from stemwright.errors import OutputError, StemwrightError

from .formats import Format, encoding_for
from .render import SongSeparator, measure
from .stem_files import render_files
from .stem_work import StemWork
from .stems import separated_stems

ANALYSED: Final = ("tempo", "key")
_ANALYSIS_SHARE: Final = 0.08
_UNDESCRIBED: Final[Mapping[str, Any]] = {"bpm": None, "key": None}

Report = Callable[[str, float], None]


class Separators(Protocol):
    """Gives the loaded model; loads it in a thread of its own once told to start."""

    def start(
        self, model: str, precision: str, stems: tuple[str, ...]
    ) -> Callable[[], SongSeparator]:
        """Begin loading what these stems of the model need; the answer waits for it."""
        ...


def separate_song(work: StemWork, separators: Separators, report: Report) -> dict[str, Any]:
    """Measure, analyse if that is wanted, and separate a song.

    Returns
    -------
    dict
        ``duration_s``, ``bpm`` and ``key`` (either may be None), ``files`` by stem.

    Raises
    ------
    InputError, ModelError, OutputError

    """
    tier, run = QUALITIES[work.quality], _run(work)
    song = SongFile(work.song, max_duration_s=work.max_duration_s)
    model = find_model(work.model)
    stems = separated_stems(model.stems, work.stems, every=False)
    separator = separators.start(model.name, tier.precision, stems)
    sound = _sound_of(work, report) if work.analysed else _UNDESCRIBED
    encoding = encoding_for(song.info, Format(work.format))
    mixture = measure(song, lambda: False)
    paths = {stem: work.folder / f"{stem}{encoding.extension}" for stem in work.stems}
    with _writing(), ExitStack() as stack:
        files = {stem: stack.enter_context(path.open("wb")) for stem, path in paths.items()}
        render_files(
            mixture,
            files,
            encoding,
            separator,
            Method(overlap=run.overlap, shifts=run.shifts),
            exact=False,
            progress=_reporter(report, _ANALYSIS_SHARE if work.analysed else 0.0),
            cancelled=lambda: False,
        )
    return {
        "duration_s": mixture.duration_s,
        **sound,
        "files": {stem: str(path) for stem, path in paths.items()},
    }


def _run(work: StemWork) -> Pass:
    """How the tier runs the model that was chosen when the job was created."""
    tier = QUALITIES[work.quality]
    if tier.finer is not None and tier.finer.model == work.model:
        return tier.finer
    return Pass(work.model, tier.overlap, tier.shifts)


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write stems: {error.strerror or error}") from error


def _sound_of(work: StemWork, report: Report) -> Mapping[str, Any]:
    """Tempo and key; a song that cannot be described can still be separated."""
    report("analyse", 0.0)
    try:
        heard = Sound.of_file(work.song, max_duration_s=work.max_duration_s)
        found = document(
            analyse(heard, ANALYSED, progress=lambda f: report("analyse", f * _ANALYSIS_SHARE))
        )
    except StemwrightError:
        return _UNDESCRIBED
    return {"bpm": found.get("tempo"), "key": found.get("key_short")}


def _reporter(report: Report, begin: float) -> Callable[[Progress], None]:
    def advanced(progress: Progress) -> None:
        report("separate", begin + (1 - begin) * progress.fraction)

    return advanced
