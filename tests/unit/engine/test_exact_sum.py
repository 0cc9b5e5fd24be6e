"""Stems that add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwright.engine.exact_sum import FRAME, ExactSum, with_instrumental
from support.signals import noise

STEPS = {"16": 2.0**-15, "24": 2.0**-23, "32f": None}


def rough_stems(mixture, names="abcd", seed=1):
    """Stems that add up to the mixture only roughly, and are louder than it in places."""
    each = mixture / len(names)
    rows = range(len(names))
    return {
        name: each + noise(mixture.shape[1], seed=seed + n)
        for name, n in zip(names, rows, strict=True)
    }


@pytest.mark.parametrize("depth", STEPS)
@given(level=st.floats(0.01, 2.0), frames=st.integers(1, 3 * FRAME), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_stems_add_up_to_a_pcm_mixture_sample_for_sample(depth, level, frames, seed):
    mixture = noise(frames, level=level, bits=16, seed=seed)
    stems = ExactSum(STEPS[depth])(mixture, rough_stems(mixture, seed=seed))
    np.testing.assert_array_equal(sum(stems.values()), mixture)


@pytest.mark.parametrize("depth", ["16", "24"])
def test_stems_of_a_hot_mixture_stay_within_full_scale(depth):
    step = STEPS[depth]
    mixture = noise(4 * FRAME, level=2.0, bits=16)
    for stem in ExactSum(step)(mixture, rough_stems(mixture)).values():
        assert stem.min() >= -1
        assert stem.max() <= 1 - step
        np.testing.assert_array_equal(np.rint(stem / step) * step, stem)


def test_a_silent_stem_stays_silent():
    mixture = noise(4 * FRAME, bits=16)
    stems = {"drums": 0.9 * mixture, "vocals": np.zeros_like(mixture)}
    summed = ExactSum(2.0**-15)(mixture, stems)
    # at most what rounding to 16 bits leaves over
    assert np.abs(summed["vocals"]).max() <= 2 * 2.0**-15


def test_the_result_does_not_depend_on_how_the_song_is_cut():
    mixture = noise(5 * FRAME + 300, bits=16)
    stems = rough_stems(mixture)
    whole = ExactSum(2.0**-15)(mixture, stems)
    in_blocks = ExactSum(2.0**-15)
    parts = []
    for start, stop in ((0, FRAME), (FRAME, 4 * FRAME), (4 * FRAME, 5 * FRAME + 300)):
        cut = {name: stem[:, start:stop] for name, stem in stems.items()}
        parts.append(in_blocks(mixture[:, start:stop], cut))
    for name, stem in whole.items():
        np.testing.assert_array_equal(np.concatenate([p[name] for p in parts], axis=1), stem)


@pytest.mark.parametrize("depth", STEPS)
def test_vocals_and_instrumental_add_up_even_where_they_clip(depth):
    step = STEPS[depth]
    mixture = noise(4 * FRAME, level=0.8, bits=16)
    vocals, instrumental = with_instrumental(mixture, 1.5 * noise(4 * FRAME, level=0.8), step)
    np.testing.assert_array_equal(vocals + instrumental, mixture)
    if step is not None:
        assert max(np.abs(vocals).max(), np.abs(instrumental).max()) <= 1


def test_a_float_mixture_finer_than_the_grid_is_met_to_the_nearest_float():
    mixture = noise(FRAME) * np.float32(1e-3)
    stems = ExactSum(None)(mixture, rough_stems(mixture))
    # one float32 rounding at the level of the loudest stem
    np.testing.assert_allclose(sum(stems.values()), mixture, rtol=0, atol=2.0**-24)
