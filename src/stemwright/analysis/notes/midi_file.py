"""Standard MIDI files, format 1: a track with tempo, meter and key, then one for each stem.

After the Standard MIDI Files 1.0 specification (MIDI Manufacturers Association, 1996).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from stemwright.analysis.harmony.key import Key

from .note_events import Note
from .tempo_map import TICKS_PER_BEAT, TempoMap

_OFF, _ON = 0, 1  # at the same tick a note ends before the next begins
_DRUMS_CHANNEL = 9

Event = tuple[int, int, bytes]
"""Tick, order within the tick, message."""


@dataclass(frozen=True, slots=True)
class Part:
    """The notes of one stem and what is to play them."""

    name: str
    notes: tuple[Note, ...]
    program: int
    """General MIDI program, 0 = acoustic grand piano."""


def midi_file(parts: Sequence[Part], tempo: TempoMap, key: Key | None = None) -> bytes:
    """The whole file."""
    tracks = [_track(_conductor(tempo, key))]
    tracks += [_track(_events(part, number, tempo)) for number, part in enumerate(parts)]
    head = struct.pack(">4sIHHH", b"MThd", 6, 1, len(tracks), TICKS_PER_BEAT)
    return head + b"".join(tracks)


def _conductor(tempo: TempoMap, key: Key | None) -> Iterable[Event]:
    for tick, length_us in tempo.tempos():
        yield tick, 0, _meta(0x51, length_us.to_bytes(3, "big"))
    if tempo.pickup:
        yield 0, 0, _time_signature(tempo.pickup)
    yield tempo.pickup * TICKS_PER_BEAT, 0, _time_signature(tempo.meter)
    if key is not None:
        yield 0, 0, _meta(0x59, struct.pack(">bB", key.sharps, key.mode == "minor"))


def _events(part: Part, number: int, tempo: TempoMap) -> Iterable[Event]:
    yield 0, 0, _meta(0x03, part.name.encode())
    channel = number % 15 + (number % 15 >= _DRUMS_CHANNEL)
    yield 0, 0, bytes([0xC0 | channel, part.program])
    times = np.array([(note.start_s, note.end_s) for note in part.notes], np.float64)
    ticks = tempo.ticks(times.ravel()).reshape(-1, 2)
    for note, (start, end) in zip(part.notes, ticks.tolist(), strict=True):
        yield start, _ON, bytes([0x90 | channel, note.pitch, note.velocity])
        yield max(end, start + 1), _OFF, bytes([0x80 | channel, note.pitch, 0])


def _track(events: Iterable[Event]) -> bytes:
    body = bytearray()
    now = 0
    # sorted by tick and order alone: what else is at one tick keeps its order
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        body += _variable_length(tick - now) + message
        now = tick
    body += b"\x00" + _meta(0x2F, b"")
    return struct.pack(">4sI", b"MTrk", len(body)) + bytes(body)


def _time_signature(beats: int) -> bytes:
    # quarters; 24 MIDI clocks a beat; 8 notated thirty-seconds a quarter
    return _meta(0x58, bytes([beats, 2, 24, 8]))


def _meta(kind: int, content: bytes) -> bytes:
    return bytes([0xFF, kind]) + _variable_length(len(content)) + content


def _variable_length(value: int) -> bytes:
    """Seven bits a byte, the highest first, all but the last marked."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(0x80 | (value & 0x7F))
    return bytes(reversed(parts))
