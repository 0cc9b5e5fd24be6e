"""How a value lies in memory, against arrays that are really reordered."""

import math
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stemwright.engine.runtimes.onnx_layout import Layout, joined

SHAPES = st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=4)


def read(layout, memory):
    """The value, from the samples in memory."""
    order = [place for axis in layout.axes for place in axis]
    return memory.reshape(layout.sizes).transpose(order).reshape(layout.shape)


def in_memory(array, order):
    """The samples of an array whose axes are in some order in memory."""
    return array.transpose(order).ravel()


@st.composite
def arrays(draw):
    """An array, how it lies in memory, and the samples there."""
    shape = draw(SHAPES)
    order = draw(st.permutations(range(len(shape))))
    array = np.arange(math.prod(shape)).reshape(shape)
    return array, Layout.dense(shape, order), in_memory(array, order)


@st.composite
def other_shapes(draw, shape):
    """A shape of as many samples: factors of the axes, some of them joined."""
    total, sizes = math.prod(shape), []
    while total > 1:
        sizes.append(draw(st.sampled_from([n for n in range(2, total + 1) if total % n == 0])))
        total //= sizes[-1]
    return [*sizes, 1] if draw(st.booleans()) else sizes


@given(arrays())
def test_a_value_is_read_wherever_its_axes_lie(case):
    array, layout, memory = case
    assert layout.shape == array.shape
    np.testing.assert_array_equal(read(layout, memory), array)


@given(arrays(), st.data())
def test_transposing_and_reshaping_move_nothing(case, data):
    array, layout, memory = case
    for _ in range(3):
        order = data.draw(st.permutations(range(array.ndim)))
        array, layout = array.transpose(order), layout.transposed(order)
        shape = data.draw(other_shapes(array.shape))
        if (reshaped := layout.reshaped(shape)) is not None:
            array, layout = array.reshape(shape), reshaped
        np.testing.assert_array_equal(read(layout, memory), array)


@given(SHAPES, st.data())
def test_what_lies_as_it_reads_takes_any_shape(shape, data):
    assert Layout.dense(shape).reshaped(data.draw(other_shapes(shape))) is not None


def test_an_axis_across_two_that_lie_apart_takes_reordering():
    planar = Layout.dense((2, 3), (1, 0))
    assert planar.reshaped((6,)) is not None  # its parts are known, in whatever order they lie
    assert planar.reshaped((3, 2)) is None


@given(arrays(), st.data())
def test_axes_that_stay_together_are_transposed_as_one(case, data):
    _, layout, memory = case
    order = data.draw(st.permutations(range(len(layout.sizes))))
    sizes, joined_order = joined(layout.sizes, order)
    expected = memory.reshape(layout.sizes).transpose(order).ravel()
    np.testing.assert_array_equal(memory.reshape(sizes).transpose(joined_order).ravel(), expected)
    assert all(b != a + 1 for a, b in pairwise(joined_order))


@given(arrays())
def test_an_axis_is_told_with_what_lies_around_it(case):
    array, layout, memory = case
    for axis, size in enumerate(array.shape):
        before, middle, after = layout.around(axis)
        assert (middle, before * middle * after) == (size, array.size)
        halved = memory.reshape(before, middle, after)[:, : size // 2]
        if size > 1:
            expected = np.take(array, range(size // 2), axis)
            np.testing.assert_array_equal(read(layout.resized(axis, size // 2), halved), expected)
