import numpy as np
import pytest

from stemwright.audio.channels import stereo_matrix, to_mono, to_stereo
from support.signals import noise

HALF_POWER = np.sqrt(0.5)


def test_stereo_passes_untouched():
    block = noise(100)
    assert to_stereo(block) is block


def test_mono_is_repeated_bit_by_bit():
    block = noise(100, channels=1)
    assert np.array_equal(to_stereo(block), np.concatenate([block, block]))


def test_swapped_stereo_is_put_in_order():
    block = noise(100)
    assert np.allclose(to_stereo(block, ("FR", "FL")), block[::-1])


def test_five_one_follows_bs775_with_the_lfe_left_out():
    matrix = stereo_matrix(6)
    left = np.array([1, 0, HALF_POWER, 0, HALF_POWER, 0])
    assert np.allclose(matrix[0], left / left.sum(), atol=1e-7)
    assert np.allclose(matrix[1], matrix[0][[1, 0, 2, 3, 5, 4]], atol=1e-7)


def test_a_centre_in_any_place_sounds_in_the_middle():
    block = np.zeros((4, 10), dtype=np.float32)
    block[2] = 0.5
    stereo = to_stereo(block, ("FL", "FR", "FC", "BC"))
    assert np.array_equal(stereo[0], stereo[1])
    assert stereo.max() > 0


@pytest.mark.parametrize("channels", [3, 4, 5, 6, 7, 8, 12, 16])
def test_no_full_scale_input_leaves_full_scale(channels):
    loud = np.ones((channels, 8), dtype=np.float32)
    assert np.abs(to_stereo(loud)).max() <= 1 + 1e-6
    assert np.abs(to_stereo(loud)).min() > 0.5


def test_mono_is_the_mean_of_both_sides():
    block = noise(100)
    assert np.allclose(to_mono(block)[0], block.mean(axis=0), atol=1e-7)


def test_mono_stays_as_it_is():
    block = noise(100, channels=1)
    assert to_mono(block) is block
