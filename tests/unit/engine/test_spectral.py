"""The STFT as the networks frame it."""

import numpy as np
import pytest

from stemwright.engine.spectral import CentredTransform, SegmentTransform
from support.signals import noise

N_FFT = 64
HOP = N_FFT // 4


@pytest.fixture
def transform():
    transform = SegmentTransform(segment_samples=1000, n_fft=N_FFT)
    yield transform
    transform.close()


def test_a_segment_has_one_frame_a_hop(transform):
    assert transform.forward(noise(1000)).shape == (2, 63, N_FFT // 2, 2)


def test_a_frame_is_the_windowed_transform_around_its_hop(transform):
    segment = noise(1000)
    frame = 10
    start = frame * HOP - 3 * HOP // 2
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    expected = np.fft.rfft(segment[:, start : start + N_FFT] * window)[:, :-1] / np.sqrt(N_FFT)
    found = transform.forward(segment)[:, frame]
    # float32 transforms of values below 1
    np.testing.assert_allclose(found[..., 0] + 1j * found[..., 1], expected, atol=1e-6)


def test_there_and_back_gives_the_segment_without_its_nyquist_bin(transform):
    # a signal without anything at the Nyquist frequency, for that bin is what the network drops
    times = np.arange(1000)
    segment = np.stack([np.sin(0.3 * times), np.cos(0.11 * times)]).astype(np.float32)
    back = transform.inverse(transform.forward(segment), onto=np.zeros((2, 1000), np.float32))
    # near the edges the reflection bends the tone, and a bend has something at every frequency
    np.testing.assert_allclose(
        back[:, 5 * HOP : -5 * HOP], segment[:, 5 * HOP : -5 * HOP], atol=1e-4
    )


def test_going_back_adds_to_what_is_there(transform):
    spectrum = transform.forward(noise(1000))
    alone = transform.inverse(spectrum, onto=np.zeros((2, 1000), np.float32))
    onto = transform.inverse(spectrum, onto=np.ones((2, 1000), np.float32))
    np.testing.assert_allclose(onto, alone + 1, atol=1e-6)


def test_rows_do_not_influence_each_other(transform):
    segment = noise(1000)
    both = transform.forward(segment)
    for channel in range(2):
        np.testing.assert_array_equal(both[channel], transform.forward(segment[[channel]])[0])


# --- centred, as torch.stft does it ---------------------------------------------------------------

HANN = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)


@pytest.fixture(params=[np.ones(N_FFT), HANN], ids=["no window", "hann"])
def centred(request):
    transform = CentredTransform(1000, 66, request.param, HOP)
    yield transform, request.param
    transform.close()


def test_a_centred_frame_reaches_half_a_window_to_either_side(centred):
    transform, window = centred
    segment = noise(1000)
    expected = np.fft.rfft(segment[:, 10 * HOP - N_FFT // 2 :][:, :N_FFT] * window)
    found = transform.forward(segment)
    assert found.shape == (2, 66, N_FFT // 2 + 1, 2)
    np.testing.assert_allclose(found[:, 10, :, 0] + 1j * found[:, 10, :, 1], expected, atol=1e-5)


def test_the_first_centred_frame_sees_the_start_mirrored(centred):
    transform, window = centred
    segment = noise(1000)
    half = N_FFT // 2
    mirrored = np.concatenate([segment[:, half:0:-1], segment[:, :half]], axis=1)
    found = transform.forward(segment)[:, 0]
    expected = np.fft.rfft(mirrored * window)
    np.testing.assert_allclose(found[..., 0] + 1j * found[..., 1], expected, atol=1e-5)


def test_centred_there_and_back_gives_the_segment_to_its_very_ends(centred):
    transform, _ = centred
    segment = noise(1000)
    np.testing.assert_allclose(transform.inverse(transform.forward(segment)), segment, atol=1e-6)
