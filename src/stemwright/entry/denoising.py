"""What ``denoise`` does: the network fetched, recordings cleaned one after the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stemwright.audio.encode import Format
from stemwright.engine.catalog import DENOISE_MODEL
from stemwright.errors import Cancelled, InputNotFound, OutputError, StemwrightError
from stemwright.features.denoising.render import DenoiseResult, denoise_file
from stemwright.features.separations.songs import find_songs

from .progress import SongProgress
from .pulling import pull_model
from .reports import PlainReport, QuietReport, clock_text, printable, write_error
from .wiring import Wiring

if TYPE_CHECKING:
    from stemwright.engine.deep_filter import DeepFilterNetwork

SOME_FAILED: Final = 3
SUFFIX: Final = "_denoised"


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of ``denoise`` as given."""

    folder: Path | None
    format: Format
    strength: float
    force: bool
    download: bool
    quiet: bool

    def output_of(self, recording: Path) -> Path:
        """Where a recording's clean copy goes."""
        name = f"{recording.stem}{SUFFIX}.{self.format}"
        return (self.folder or recording.parent) / name


def run_denoising(wiring: Wiring, choices: Choices, given: Sequence[Path]) -> int:
    """Denoise recordings and return the exit status."""
    recordings = [path for path in find_songs(given) if path in given or not _is_ours(path)]
    if not recordings:
        raise InputNotFound(f"{', '.join(map(str, given))}: no audio file found there")
    network = _network(wiring, choices)
    failures: list[StemwrightError] = []
    taken: set[Path] = set()
    with wiring.interruption.polite():
        for recording in recordings:
            output = choices.output_of(recording)
            try:
                _check_free(output, taken, force=choices.force)
                _clean(wiring, choices, recording, output, network)
            except Cancelled:
                break
            except StemwrightError as error:
                failures.append(error)
                write_error(error, recording)
            taken.add(output)
    if wiring.interruption.requested():
        return wiring.interruption.exit_code
    if len(failures) == len(recordings):
        return failures[0].exit_code
    return SOME_FAILED if failures else 0


def _is_ours(path: Path) -> bool:
    """Whether a file found in a folder is what an earlier run made."""
    return path.stem.endswith(SUFFIX)


def _network(wiring: Wiring, choices: Choices) -> DeepFilterNetwork:
    settings = wiring.settings()
    report = QuietReport() if choices.quiet else PlainReport()
    store = wiring.store(settings)
    weights, _ = pull_model(store, DENOISE_MODEL, report, download=choices.download)
    return wiring.load_denoiser(weights, settings.threads)


def _clean(
    wiring: Wiring, choices: Choices, recording: Path, output: Path, network: DeepFilterNetwork
) -> None:
    started = time.perf_counter()
    with SongProgress(recording, silent=choices.quiet) as progress:
        done = denoise_file(
            recording,
            output,
            choices.format,
            network=network,
            strength=choices.strength,
            max_duration_s=wiring.settings().max_duration_s,
            progress=progress.at,
            cancelled=wiring.interruption.requested,
        )
    if not choices.quiet:
        print(printable(_line(recording, done, time.perf_counter() - started)), flush=True)


def _line(recording: Path, done: DenoiseResult, seconds: float) -> str:
    speed = f"{done.duration_s / seconds:.1f} times realtime"
    length = clock_text(done.duration_s)
    return f"{recording.name}: {length} in {seconds:.1f} s ({speed}), in {done.output}"


def _check_free(output: Path, taken: set[Path], *, force: bool) -> None:
    if output in taken:
        raise OutputError(f"{output} is of another recording of this run; give --output per folder")
    if output.exists() and not force:
        raise OutputError(f"{output} exists; replace it with --force, or choose another --output")
