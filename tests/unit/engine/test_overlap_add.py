"""Joining segments as they come."""

import numpy as np

from stemwright.engine.overlap_add import OverlapAdd, triangle
from stemwright.engine.segments import Grid
from support.signals import noise


def joined_at_once(signal, grid):
    """The same sum over whole arrays, as a paper would write it."""
    total = np.zeros_like(signal)
    weights = np.zeros(signal.shape[-1], np.float32)
    for segment in grid:
        stop = segment.start + segment.length
        window = triangle(grid.segment)[: segment.length]
        total[..., segment.start : stop] += window * signal[..., segment.start : stop]
        weights[segment.start : stop] += window
    return total / weights


def test_the_triangle_rises_to_one_and_is_nowhere_zero():
    np.testing.assert_allclose(triangle(6), [1 / 3, 2 / 3, 1, 1, 2 / 3, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(triangle(5), [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3], rtol=1e-6)


def test_a_stream_of_segments_equals_the_sum_over_the_whole_song():
    grid = Grid(start=0, stop=1000, segment=300, window=300, stride=225)
    signal = noise(1000)[None]
    adding = OverlapAdd((1, 2), grid.segment, grid.start)
    blocks = []
    for segment in grid:
        adding.add(segment.start, signal[..., segment.start : segment.start + segment.length])
        blocks.append(adding.take(min(segment.start + grid.stride, grid.stop)))
    # bit for bit: the order of the additions is the same
    np.testing.assert_array_equal(np.concatenate(blocks, axis=-1), joined_at_once(signal, grid))


def test_segments_without_overlap_pass_through():
    adding = OverlapAdd((2,), 100, 0)
    block = noise(100)
    adding.add(0, block)
    np.testing.assert_allclose(adding.take(100), block, rtol=1e-6)


def test_taking_nothing_changes_nothing():
    adding = OverlapAdd((2,), 100, 0)
    block = noise(100)
    adding.add(0, block)
    assert adding.take(0).shape == (2, 0)
    np.testing.assert_allclose(adding.take(100), block, rtol=1e-6)
