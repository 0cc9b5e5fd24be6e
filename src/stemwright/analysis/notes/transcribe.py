"""Stems in, a MIDI file out: each stem heard once, the song's beats as the file's bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from stemwright.analysis.analyse import analyse
from stemwright.analysis.frontend import Progress, hear
from stemwright.analysis.results import Analysis
from stemwright.analysis.sound import Sound

from .listen import NoteListener, NoteNetwork
from .midi_file import Part, midi_file
from .note_events import Note, notes_of
from .tempo_map import TempoMap, evened

# General MIDI programs: finger bass, voice oohs, steel guitar, grand piano
_PROGRAMS: Mapping[str, int] = {"bass": 33, "vocals": 53, "guitar": 25}


def transcribe(
    stem: Sound,
    network: NoteNetwork,
    *,
    progress: Progress = lambda _fraction: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Note, ...]:
    """Notes of one stem, by their start.

    Raises
    ------
    Cancelled
        As soon as ``cancelled`` says so; and whatever the decoder raises.

    """
    listener = NoteListener(network)
    hear(stem, [listener], progress=progress, cancelled=cancelled)
    return notes_of(listener.finish())


def described(song: Sound, cancelled: Callable[[], bool] = lambda: False) -> Analysis:
    """What a MIDI file says of a song besides its notes: beats, meter and key."""
    return analyse(song, ("tempo", "beats", "key"), cancelled=cancelled)


def score(notes: Sequence[tuple[str, tuple[Note, ...]]], song: Analysis) -> bytes:
    """Write one track for each named stem; bars follow the song's beats, or 120 a minute."""
    parts = [Part(name, found, _PROGRAMS.get(name, 0)) for name, found in notes]
    key = song.harmony.key.key if song.harmony else None
    return midi_file(parts, _tempo_map(song), key)


def _tempo_map(song: Analysis) -> TempoMap:
    until_s, rhythm = song.condition.duration_s, song.rhythm
    if rhythm is None or rhythm.tempo is None:
        return TempoMap.steady(until_s)
    beats = evened(rhythm.beats_s) if rhythm.steady else rhythm.beats_s
    return TempoMap.of(beats, rhythm.downbeats_s, rhythm.meter or 4, until_s)
