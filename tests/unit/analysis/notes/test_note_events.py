"""Notes from activations drawn by hand."""

import numpy as np
import pytest

from stemwright.analysis.notes.listen import (
    FRAME_S,
    FRAMES,
    HOP,
    PITCHES,
    SAMPLE_RATE,
    WINDOW,
    NoteActivations,
    NoteListener,
)
from stemwright.analysis.notes.note_events import notes_of


def activations(frames=200):
    return NoteActivations(
        np.zeros((frames, PITCHES), np.float16), np.zeros((frames, PITCHES), np.float16)
    )


def test_a_note_lasts_from_its_start_until_it_fades():
    drawn = activations()
    drawn.sounding[20:60, 39], drawn.starting[20, 39] = 0.8, 0.9

    (note,) = notes_of(drawn)

    assert note.pitch == 60
    assert note.start_s == pytest.approx(20 * FRAME_S, abs=1e-3)
    assert note.end_s == pytest.approx(60 * FRAME_S, abs=1e-3)
    assert note.velocity == pytest.approx(102, abs=1)


def test_a_second_start_in_one_sound_is_a_second_note():
    drawn = activations()
    drawn.sounding[20:80, 10], drawn.starting[[20, 50], 10] = 0.7, 0.8

    assert [round(note.start_s / FRAME_S) for note in notes_of(drawn)] == [20, 50]


def test_a_dip_shorter_than_a_tenth_of_a_second_does_not_end_a_note():
    drawn = activations()
    drawn.sounding[20:80, 10], drawn.starting[20, 10] = 0.7, 0.8
    drawn.sounding[40:46, 10] = 0.1

    assert len(notes_of(drawn)) == 1


def test_faint_sound_without_a_start_is_no_note():
    drawn = activations()
    drawn.sounding[20:80, 10] = 0.4

    assert notes_of(drawn) == ()


def test_clear_sound_counts_though_its_start_was_missed():
    drawn = activations()
    drawn.sounding[20:80, 10] = 0.8

    assert len(notes_of(drawn)) == 1


def test_nothing_played_gives_no_notes():
    assert notes_of(activations(0)) == ()


def _loudness(window):
    """Stand in for the network: a frame sounds as loud as the sample it is centred on."""
    levels = window[np.minimum(np.arange(FRAMES) * HOP, WINDOW - 1)]
    sounding = np.repeat(np.abs(levels)[:, None], PITCHES, axis=1).astype(np.float32)
    return sounding, np.zeros_like(sounding)


@pytest.mark.parametrize("block", [999, 50_000, 10**6])
def test_windows_join_onto_one_grid_whatever_the_blocks(block):
    song = np.linspace(0, 1, 5 * SAMPLE_RATE, dtype=np.float32)
    listener = NoteListener(_loudness)

    for start in range(0, len(song), block):
        listener.process(song[start : start + block])
    heard = listener.finish()

    np.testing.assert_allclose(heard.sounding[:, 0], song[::HOP], atol=1e-3)


def test_a_stem_of_no_samples_has_no_frames():
    assert NoteListener(_loudness).finish().sounding.shape == (0, PITCHES)
