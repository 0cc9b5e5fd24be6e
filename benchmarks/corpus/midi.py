"""A piece as a MIDI file, one tick a millisecond, for fluidsynth to play."""

from __future__ import annotations

import struct
from collections.abc import Collection

import numpy as np

from .score import Part, Piece

_CHANNELS: dict[Part, int] = {"other": 0, "bass": 1, "vocals": 2, "drums": 9}
_TICKS_PER_QUARTER, _US_PER_QUARTER = 1000, 1_000_000


def midi_bytes(piece: Piece, parts: Collection[Part]) -> bytes:
    """A format 0 file of the parts asked for.

    Detuning is the channels' fine tuning (registered parameter 1), notes are moved by the piece's
    human imprecision; both are the same whatever parts are asked for.
    """
    events = _setup(piece) + _notes(piece, parts)
    track = b"\x00\xff\x51\x03" + _US_PER_QUARTER.to_bytes(3, "big")
    now = 0
    # stable: the order of controls within a tick matters
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track += _length(tick - now) + message
        now = tick
    end_ms = round(1000 * piece.labels()["duration_s"])
    track += _length(max(end_ms - now, 0)) + b"\xff\x2f\x00"
    head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, _TICKS_PER_QUARTER)
    return head + b"MTrk" + struct.pack(">I", len(track)) + track


def _setup(piece: Piece) -> list[tuple[int, int, bytes]]:
    messages = []
    fine = 8192 + round(piece.tuning_cents / 100 * 8192)
    for part, channel in _CHANNELS.items():
        control = 0xB0 | channel
        messages.append(bytes([0xC0 | channel, piece.programs.get(part, 0)]))
        if part != "drums":
            tuning = ((101, 0), (100, 1), (38, fine & 127), (6, fine >> 7))
            messages += [bytes([control, number, value]) for number, value in tuning]
    return [(0, 0, message) for message in messages]


def _notes(piece: Piece, parts: Collection[Part]) -> list[tuple[int, int, bytes]]:
    human = np.random.default_rng([piece.seed, 77])
    events = []
    for note in piece.notes:
        late_s = float(human.normal(0.0, piece.humanise_s))
        if note.part not in parts:
            continue
        on = max(round(1000 * (piece.clock.at(note.start) + late_s)), 1)
        off = max(round(1000 * piece.clock.at(note.start + note.length)), on + 30)
        channel = _CHANNELS[note.part]
        events.append((on, 2, bytes([0x90 | channel, note.pitch, note.velocity])))
        events.append((off, 1, bytes([0x80 | channel, note.pitch, 0])))
    return events


def _length(value: int) -> bytes:
    """MIDI's variable-length number."""
    parts = [value & 127]
    while value := value >> 7:
        parts.append(128 | (value & 127))
    return bytes(reversed(parts))
