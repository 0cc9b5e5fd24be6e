"""The method with a network whose answer is known: nothing, half, or all of it is noise."""

import numpy as np
import pytest

from stemwright.engine.denoise import DELAY, Denoiser
from stemwright.errors import OptionError
from support.denoisers import Scaling


def _denoised(sound, network, sizes=(10**9,), **options):
    denoiser = Denoiser(network, len(sound), **options)
    done, parts, turn = 0, [], 0
    while done < sound.shape[1]:
        size = sizes[turn % len(sizes)]
        parts.append(denoiser.process(sound[:, done : done + size]))
        done, turn = done + size, turn + 1
    return np.concatenate([*parts, denoiser.flush()], axis=1)


def _noise(samples, channels=1):
    return np.random.default_rng(3).standard_normal((channels, samples)).astype(np.float32) / 10


@pytest.mark.parametrize("samples", [1, 479, 480, DELAY, 4800, 4801, 30_011])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_all_speech_comes_out_as_it_went_in(samples, channels):
    sound = _noise(samples, channels)

    clean = _denoised(sound, Scaling(1))

    assert clean.shape == sound.shape
    assert clean.dtype == np.float32
    np.testing.assert_allclose(clean, sound, atol=1e-6)


@pytest.mark.parametrize("sizes", [(1000,), (1, 7, 48_000), (480,), (4800, 1)])
def test_blocks_of_any_size_give_the_same_samples(sizes):
    sound = _noise(60_013, 2)

    np.testing.assert_array_equal(
        _denoised(sound, Scaling(0.5), sizes), _denoised(sound, Scaling(0.5))
    )


def test_nothing_in_gives_nothing_out():
    assert Denoiser(Scaling(), 2).flush().shape == (2, 0)


def test_strength_leaves_part_of_the_noise():
    sound = _noise(20_000)

    np.testing.assert_allclose(_denoised(sound, Scaling(0)), 0, atol=1e-9)
    np.testing.assert_allclose(_denoised(sound, Scaling(0), strength=0.25), 0.75 * sound, atol=1e-6)
    np.testing.assert_allclose(_denoised(sound, Scaling(0), strength=0), sound, atol=1e-6)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_that_cannot_be_meant_is_refused(strength):
    with pytest.raises(OptionError, match="give 0 to 1"):
        Denoiser(Scaling(), 1, strength=strength)


def test_channels_are_heard_apart():
    sound = np.concatenate([_noise(20_000), np.zeros((1, 20_000), np.float32)])

    clean = _denoised(sound, Scaling(1))

    assert not clean[1].any()


def test_a_sample_beyond_all_reason_does_not_spoil_the_rest():
    sound = _noise(40_000)
    sound[0, 5000] = 3e38

    clean = _denoised(sound, Scaling(1))

    assert np.isfinite(clean).all()
    np.testing.assert_allclose(clean[0, 8000:], sound[0, 8000:], atol=1e-6)
