from itertools import pairwise

import numpy as np
import pytest

from stemwright.analysis.structure import CHROMA_FPS, MFCC_FPS, find_sections

BAR_S = 2.0


def song(form, bars=8):
    """Chroma, cepstra and downbeats of sections, each letter with chords and timbre of its own."""
    rng = np.random.default_rng(1)
    chords = {letter: rng.random((4, 12)) ** 4 for letter in sorted(set(form))}
    sounds = {letter: rng.normal(size=13) for letter in sorted(set(form))}
    order = [(letter, bar % 4) for letter in form for bar in range(bars)]
    chroma = np.repeat([chords[letter][bar] for letter, bar in order], BAR_S * CHROMA_FPS, axis=0)
    duration_s = BAR_S * len(order)
    frames = int(duration_s * MFCC_FPS)
    at = np.minimum((np.arange(frames) / MFCC_FPS / BAR_S).astype(int), len(order) - 1)
    mfcc = np.array([sounds[order[bar][0]] for bar in at]) + 0.05 * rng.normal(size=(frames, 13))
    downbeats = np.arange(len(order)) * BAR_S
    return chroma.T.astype(np.float32), mfcc.T.astype(np.float32), downbeats, duration_s


def test_a_song_form_is_found_with_its_repetitions():
    sections = find_sections(*song("ABAC"))
    assert [section.label for section in sections] == ["A", "B", "A", "C"]
    assert [section.start_s for section in sections] == [0.0, 16.0, 32.0, 48.0]


def test_sections_leave_no_gaps():
    *_, duration_s = given = song("AABBA")
    sections = find_sections(*given)
    assert sections[0].start_s == 0.0
    assert sections[-1].end_s == duration_s
    joins = pairwise(sections)
    assert all(before.end_s == after.start_s for before, after in joins)


def test_without_beats_boundaries_are_found_still():
    chroma, mfcc, _, duration_s = song("AB", bars=12)
    sections = find_sections(chroma, mfcc, np.empty(0), duration_s)
    assert [section.label for section in sections] == ["A", "B"]
    assert sections[1].start_s == pytest.approx(24.0, abs=2)


@pytest.mark.parametrize("duration_s", [0.0, 3.0])
def test_what_is_too_short_is_one_section_at_most(duration_s):
    frames = int(duration_s * 10)
    nothing = np.zeros((12, frames), np.float32), np.zeros((13, 4 * frames), np.float32)
    assert len(find_sections(*nothing, np.empty(0), duration_s)) == (duration_s > 0)
