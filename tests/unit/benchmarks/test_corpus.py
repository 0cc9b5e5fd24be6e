"""The answers of the pieces the analysis benchmark composes are what is played."""

from itertools import pairwise

import numpy as np
import pytest

from corpus.compose import compose_set
from corpus.midi import midi_bytes
from corpus.score import PARTS

PIECES = compose_set(7, 48)


def note_ons(piece):
    """Seconds and pitch of all notes, from the bytes: one tick is a millisecond."""
    track = midi_bytes(piece, PARTS)[22:]
    at, now, found = 0, 0, []
    while at < len(track):
        delta = 0
        while True:
            byte = track[at]
            at += 1
            delta = delta << 7 | byte & 127
            if byte < 128:
                break
        now += delta
        status = track[at]
        if status == 0xFF:
            at += 3 + track[at + 2]
            continue
        if status & 0xF0 == 0x90:
            found.append((now / 1000, track[at + 1]))
        at += 2 if status & 0xF0 == 0xC0 else 3
    return found


def test_a_seed_gives_the_same_pieces_and_another_seed_others():
    again, others = compose_set(7, 48), compose_set(8, 48)
    assert [piece.labels() for piece in again] == [piece.labels() for piece in PIECES]
    assert [piece.labels() for piece in others] != [piece.labels() for piece in PIECES]


def test_all_keys_and_tempos_from_60_to_190_are_covered():
    assert len({str(piece.bars[0].key) for piece in PIECES}) == 24
    tempos = sorted(piece.bpm for piece in PIECES)
    assert tempos[0] < 66
    assert tempos[-1] > 184
    assert max(after - before for before, after in pairwise(tempos)) < 6


@pytest.mark.parametrize("piece", PIECES[:12], ids=lambda piece: piece.name)
def test_chords_and_sections_fill_the_beats_without_gaps(piece):
    labels = piece.labels()
    for rows in (labels["chords"], labels["sections"], labels["keys"]):
        assert rows[0][0] == labels["beats"][0]
        assert all(before[1] == after[0] for before, after in pairwise(rows))
    assert labels["downbeats"] == labels["beats"][:: labels["meter"]]
    assert labels["bpm"] == pytest.approx(piece.bpm, rel=0.02)


@pytest.mark.parametrize("piece", PIECES[:12], ids=lambda piece: piece.name)
def test_what_is_played_begins_and_sounds_as_labelled(piece):
    labels = piece.labels()
    starts = np.array([start for start, _ in note_ons(piece)])
    on_beat = [np.abs(starts - beat).min() < 0.04 for beat in labels["downbeats"]]
    assert np.mean(on_beat) > 0.8
    assert starts.max() < labels["duration_s"]


def test_detuning_reaches_the_synthesiser_with_its_fine_part_first():
    piece = next(piece for piece in PIECES if piece.tuning_cents)
    fine = 8192 + round(piece.tuning_cents / 100 * 8192)
    # Registered parameter 1; fluidsynth acts when the coarse part (6) comes, so 38 goes before it.
    order = bytes(
        [0, 0xB0, 101, 0, 0, 0xB0, 100, 1, 0, 0xB0, 38, fine & 127, 0, 0xB0, 6, fine >> 7]
    )
    assert order in midi_bytes(piece, PARTS)
