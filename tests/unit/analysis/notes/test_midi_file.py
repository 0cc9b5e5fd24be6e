"""MIDI files, read back by a few lines of their own."""

import numpy as np
import pytest

from stemwright.analysis.harmony.key import Key
from stemwright.analysis.notes.midi_file import Part, midi_file
from stemwright.analysis.notes.note_events import Note
from stemwright.analysis.notes.tempo_map import TICKS_PER_BEAT, TempoMap, evened


def messages_of(file, track):
    """(tick, status, bytes) of one track."""
    place = 14
    for _ in range(track):
        place += 8 + int.from_bytes(file[place + 4 : place + 8])
    end = place + 8 + int.from_bytes(file[place + 4 : place + 8])
    place, tick, found = place + 8, 0, []
    while place < end:
        delta, place = _number(file, place)
        tick += delta
        status = file[place]
        length, start = (
            _number(file, place + 2)
            if status == 0xFF
            else (1 if status >> 4 == 0xC else 2, place + 1)
        )
        kind = (status, file[place + 1]) if status == 0xFF else (status,)
        found.append((tick, kind, file[start : start + length]))
        place = start + length
    assert place == end
    return found


def _number(file, place):
    value = 0
    while True:
        value = value << 7 | file[place] & 0x7F
        place += 1
        if file[place - 1] < 0x80:
            return value, place


BEATS = np.array([0.7, 1.2, 1.7, 2.2])


def test_a_note_on_a_beat_is_on_a_beat_of_the_file():
    part = Part("bass", (Note(1.2, 1.7, 40, 90),), program=33)

    file = midi_file([part], TempoMap.of(BEATS, [], 4, 4.0))

    notes = [(tick, kind[0]) for tick, kind, _ in messages_of(file, 1) if kind[0] in {0x90, 0x80}]
    assert notes == [(2 * TICKS_PER_BEAT, 0x90), (3 * TICKS_PER_BEAT, 0x80)]


def test_the_tempo_map_returns_every_beat_to_its_second():
    rng = np.random.default_rng(5)
    beats = 0.3 + np.cumsum(rng.uniform(0.4, 0.6, 300))

    tempo = TempoMap.of(beats, [], 4, 200.0)

    changes = list(tempo.tempos())
    lengths_us = np.zeros(len(tempo.beats_s))
    for tick, length in changes:
        lengths_us[tick // TICKS_PER_BEAT :] = length
    seconds = np.concatenate([[0], np.cumsum(lengths_us / 1e6)])[:-1]
    np.testing.assert_allclose(seconds[1:301], tempo.beats_s[1:301], atol=1e-3)


def test_the_first_downbeat_begins_a_bar():
    tempo = TempoMap.of(BEATS, [1.2], 4, 4.0)

    signatures = [
        (tick, body[0])
        for tick, kind, body in messages_of(midi_file([], tempo), 0)
        if kind == (0xFF, 0x58)
    ]

    assert signatures == [(0, 2), (2 * TICKS_PER_BEAT, 4)]


def test_the_key_signature_is_that_of_the_key():
    file = midi_file([], TempoMap.steady(1.0), Key(6, "minor"))

    assert (0, (0xFF, 0x59), b"\x03\x01") in messages_of(file, 0)


def test_a_repeated_note_ends_before_it_begins_again():
    part = Part("vocals", (Note(0, 1, 60, 80), Note(1, 2, 60, 80)), program=0)

    kinds = [kind[0] for _, kind, _ in messages_of(midi_file([part], TempoMap.steady(2)), 1)]

    assert kinds[-5:-1] == [0x90, 0x80, 0x90, 0x80]


def test_parts_never_play_on_the_drums_channel():
    parts = [Part(str(number), (Note(0, 1, 60, 80),), 0) for number in range(20)]

    file = midi_file(parts, TempoMap.steady(1))

    channels = {messages_of(file, track + 1)[1][1][0] & 0xF for track in range(20)}
    assert 9 not in channels


@pytest.mark.parametrize("beats", [[], [1.0], [1.0, 1.0], [2.0, 1.0]])
def test_without_usable_beats_the_file_has_120_a_minute(beats):
    tempo = TempoMap.of(beats, [], 4, 10.0)

    assert list(tempo.tempos()) == [(0, 500_000)]


def test_the_jitter_of_a_tracker_is_taken_out_of_steady_beats():
    even = 0.5 * np.arange(100)
    jittered = np.round(even + 0.013, 2) + np.random.default_rng(1).choice([0, 0.01], 100)

    intervals = np.diff(evened(jittered))

    assert np.abs(intervals - 0.5).max() < 0.004
    assert evened(even[:3]).tolist() == even[:3].tolist()
