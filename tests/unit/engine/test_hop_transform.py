import numpy as np

from stemwright.engine.hop_transform import HopTransform

HOP = 480


def test_spectra_left_alone_give_the_samples_back_one_hop_late():
    sound = np.random.default_rng(1).standard_normal((2, 20 * HOP)).astype(np.float32)
    transform = HopTransform(2, HOP)

    back = transform.synthesise(transform.analyse(sound))

    np.testing.assert_allclose(back[:, HOP:], sound[:, :-HOP], atol=2e-6)


def test_a_stream_may_be_cut_at_any_hop():
    sound = np.random.default_rng(2).standard_normal((1, 12 * HOP)).astype(np.float32)
    whole, parts = HopTransform(1, HOP), HopTransform(1, HOP)
    expected = whole.synthesise(whole.analyse(sound))

    found = [parts.synthesise(parts.analyse(cut)) for cut in np.split(sound, [HOP, 5 * HOP], 1)]

    np.testing.assert_array_equal(np.concatenate(found, axis=1), expected)


def test_a_sine_shows_in_its_bin():
    times = np.arange(10 * HOP) / 48_000
    sine = np.sin(2 * np.pi * 1000 * times)[None].astype(np.float32)

    spectra = HopTransform(1, HOP).analyse(sine)

    assert np.abs(spectra[0, 5]).argmax() == 20  # 50 Hz a bin
    assert 0.2 < np.abs(spectra[0, 5, 20]) < 0.4
