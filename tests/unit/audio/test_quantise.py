import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stemwright.audio.quantise import quantise


@pytest.mark.parametrize("bits", [16, 24])
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_integers_survive_the_way_to_float_and_back(bits, data):
    top = 2 ** (bits - 1)
    values = st.integers(-top, top - 1)
    integers = data.draw(arrays.arrays(np.int32, (2, 64), elements=values))
    assert np.array_equal(quantise((integers / top).astype(np.float32), bits), integers)


@pytest.mark.parametrize("bits", [16, 24])
def test_values_beyond_full_scale_clip_and_never_wrap(bits):
    block = np.array([[1.0, 1.5, 1e30, np.inf, -1.0, -1.5, -1e30, -np.inf]], dtype=np.float32)
    top = 2 ** (bits - 1)
    assert quantise(block, bits).tolist() == [[top - 1] * 4 + [-top] * 4]


def test_rounding_is_to_the_nearest_step():
    block = np.array([[0.49, 0.51, -0.49, -0.51]], dtype=np.float32) / 32768
    assert quantise(block, 16).tolist() == [[0, 1, 0, -1]]
