"""``stemwright demo``: from nothing to stems, to see that an installation works and how fast."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from stemwright.audio.encode import Encoding, open_encoder
from stemwright.audio.tags import Tags
from stemwright.features.separations.demo import SAMPLE_RATE, demo_song
from stemwright.kit.files import AtomicFiles

from .run import (
    Choices,
    build_request,
    choose_model,
    choose_report,
    exit_code,
    separate_songs,
)
from .wiring import Wiring

if TYPE_CHECKING:
    from stemwright.features.separations.batch import Outcome

_TITLE: Final = "stemwright demo"


def run_demo(wiring: Wiring, folder: Path, quality: str) -> int:
    """Write the demo song into ``folder``, separate it there, and report."""
    song = folder / f"{_TITLE}.flac"
    print(f"making a song: {song}", flush=True)
    write_demo_song(song)
    choices = Choices(folder=folder, quality=quality, force=True)
    model = choose_model(choices, wiring.store(wiring.settings()))
    report = choose_report(as_json=False, quiet=False, model=model.name, quality=quality)
    request = build_request(choices, model)
    outcomes = separate_songs(wiring, choices, model, request, [song], report)
    for outcome in outcomes:
        _say_result(outcome)
    return exit_code(outcomes, wiring.interruption)


def write_demo_song(path: Path) -> None:
    """Write the demo song as 16-bit FLAC."""
    audio = demo_song()
    encoding = Encoding("flac", "16")
    tags = Tags(title=_TITLE, artist="stemwright")
    with AtomicFiles() as files:
        encoder = open_encoder(
            files.open(path),
            encoding,
            sample_rate=SAMPLE_RATE,
            channels=2,
            tags=tags,
            expected_frames=audio.shape[1],
        )
        encoder.write(audio)
        encoder.close()
        files.commit()


def _say_result(outcome: Outcome) -> None:
    if outcome.status != "done" or outcome.duration_s is None:
        return
    print("stems:")
    for path in outcome.stems.values():
        print(f"  {path.resolve()}")
    print(
        f"{outcome.duration_s:.1f} s of music in {outcome.seconds:.1f} s: "
        f"{outcome.realtime_factor or 0.0:.1f} times faster than realtime, loading included"
    )
