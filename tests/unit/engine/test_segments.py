"""Cutting a mixture that arrives in blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwright.engine.segments import Grid, Segment, SlidingMixture
from support.signals import noise


def in_blocks(mixture, sizes):
    start = 0
    for size in sizes:
        yield mixture[:, start : start + size]
        start += size


def test_every_sample_of_a_song_lies_in_a_segment():
    grid = Grid(start=0, stop=1000, segment=300, window=300, stride=225)
    covered = np.zeros(1000, bool)
    for segment in grid:
        covered[segment.start : segment.start + segment.length] = True
    assert covered.all()
    assert len(list(grid)) == len(grid) == 5


def test_the_last_segment_is_centred_among_real_neighbours():
    *_, last = Grid(start=0, stop=1000, segment=300, window=300, stride=225)
    assert last == Segment(start=900, length=100, window_start=800)


def test_a_segment_shorter_than_the_window_has_context_on_both_sides():
    first, *_ = Grid(start=0, stop=1000, segment=100, window=300, stride=75)
    assert first == Segment(start=0, length=100, window_start=-100)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 400), min_size=1, max_size=12),
    reads=st.lists(st.tuples(st.integers(-50, 2000), st.integers(1, 500)), min_size=1, max_size=8),
)
def test_reading_gives_what_slicing_a_padded_array_gives(sizes, reads):
    mixture = noise(sum(sizes))
    padded = np.pad(mixture, ((0, 0), (100, 3000)))
    sliding = SlidingMixture(in_blocks(mixture, sizes), mixture.shape[1])
    for start, length in sorted(reads):
        sliding.forget(start)
        expected = padded[:, start + 100 : start + 100 + length]
        np.testing.assert_array_equal(sliding.read(start, start + length), expected)


def test_what_is_forgotten_is_no_longer_held():
    sliding = SlidingMixture(in_blocks(noise(1000), [100] * 10), 1000)
    sliding.read(0, 1000)
    sliding.forget(850)
    assert sliding.held_samples == 200


@pytest.mark.parametrize("declared", [700, 1300])
def test_a_stream_of_another_length_than_declared_is_cut_or_followed_by_silence(declared):
    mixture = noise(1000)
    sliding = SlidingMixture(in_blocks(mixture, [500, 500]), declared)
    heard = sliding.read(0, 1500)
    known = min(declared, 1000)
    np.testing.assert_array_equal(heard[:, :known], mixture[:, :known])
    assert not heard[:, known:].any()
