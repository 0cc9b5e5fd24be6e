import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwright.audio.joining import BlockJoiner
from support.signals import noise


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(0, 300), max_size=20), frames=st.integers(1, 200))
def test_joined_blocks_are_full_and_hold_every_sample_in_order(sizes, frames):
    signal = noise(sum(sizes))
    joiner = BlockJoiner(2, frames)
    blocks, at = [], 0
    for size in sizes:
        blocks += joiner.add(signal[:, at : at + size])
        at += size
    blocks += joiner.rest()
    assert all(block.shape[1] == frames for block in blocks[:-1])
    assert np.array_equal(np.concatenate([np.empty((2, 0)), *blocks], axis=1), signal)
