"""What ``midi`` does: the network fetched, stems heard, one file written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemwright.analysis.notes.note_events import Note
from stemwright.analysis.notes.transcribe import described, score, transcribe
from stemwright.analysis.results import Analysis
from stemwright.analysis.sound import Sound
from stemwright.engine.catalog import NOTE_MODEL
from stemwright.errors import OptionError
from stemwright.kit.files import AtomicFiles

from .pulling import fetch
from .reports import printable
from .wiring import Wiring

_SUFFIXES: Final = (".mid", ".midi")

Heard = list[tuple[str, tuple[Note, ...]]]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be written from what."""

    stems: Sequence[Path]
    output: Path
    song: Path | None

    def check(self) -> None:
        """OptionError where writing would hurt."""
        if self.output.suffix.lower() not in _SUFFIXES:
            raise OptionError(f"{self.output}: a MIDI file is called .mid; name it so")
        if any(path.stem.lower() == "drums" for path in self.stems):
            raise OptionError("drums have no notes this network could hear; leave them out")


def run_midi(wiring: Wiring, order: Order, *, download: bool, quiet: bool) -> int:
    """Write the file and return the exit status."""
    order.check()
    sounds = [(path.stem, Sound.of_file(path)) for path in order.stems]
    network = wiring.load_notes(_weights(wiring, download=download, quiet=quiet))
    stop = wiring.interruption.requested
    with wiring.interruption.polite():
        heard = [(name, transcribe(sound, network, cancelled=stop)) for name, sound in sounds]
        song = described(_song(order, [sound for _, sound in sounds]), stop)
    with AtomicFiles() as files:
        files.open(order.output).write(score(heard, song))
        files.commit()
    if not quiet:
        print(printable(_summary(order.output, heard, song)))
    return 0


def _weights(wiring: Wiring, *, download: bool, quiet: bool) -> Path:
    store = wiring.store(wiring.settings())
    if download and store.installed(NOTE_MODEL) is None:
        fetch(store, NOTE_MODEL, quiet=quiet)
    return store.require(NOTE_MODEL)


def _song(order: Order, stems: Sequence[Sound]) -> Sound:
    """What to hear the beat in: the song, or else all its stems together."""
    if order.song is not None:
        return Sound.of_file(order.song)
    if len({stem.sample_rate for stem in stems}) > 1:
        raise OptionError("the stems differ in sample rate; name the song with --song")
    return Sound.sum_of(stems)


def _summary(output: Path, heard: Heard, song: Analysis) -> str:
    counts = ", ".join(f"{name} {len(notes)}" for name, notes in heard)
    tempo = song.rhythm.tempo if song.rhythm else None
    beat = f"{tempo:.1f} BPM" if tempo else "no steady beat was found, so bars stand at 120 BPM"
    return f"{output}: notes of {counts}; {beat}"
