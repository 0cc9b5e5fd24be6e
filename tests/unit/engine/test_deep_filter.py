import numpy as np

from stemwright.engine.deep_filter import (
    BANDS,
    BINS,
    FILTERED,
    LOOKAHEAD,
    TAPS,
    Features,
    band_widths,
    filtered,
)


def _spectra(frames, seed=0):
    rng = np.random.default_rng(seed)
    planes = rng.standard_normal((2, 1, frames, BINS)).astype(np.float32) / 100
    return planes[0] + 1j * planes[1]


def test_bands_cover_every_bin_once_and_widen_upwards():
    widths = band_widths()

    assert len(widths) == BANDS
    assert sum(widths) == BINS
    assert min(widths) == 2
    assert widths[-2] > 10 * widths[0]


def test_features_do_not_depend_on_how_the_stream_was_cut():
    spectra = _spectra(40)
    whole, parts = Features(1), Features(1)

    expected = whole.of(spectra)
    found = [parts.of(cut) for cut in np.split(spectra, [7, 20], axis=1)]

    for number, feature in enumerate(expected):
        joined = np.concatenate([part[number] for part in found], axis=1)
        np.testing.assert_allclose(joined, feature, atol=1e-5)


def test_a_steady_sound_is_heard_less_and_less():
    levels, _ = Features(1).of(np.repeat(_spectra(1), 500, axis=1))

    loudest = np.abs(levels).max(axis=-1)[0]
    assert loudest[0] > 0.3
    assert loudest[-1] < 0.01


def test_minutes_of_digital_silence_leave_features_finite():
    features = Features(1)
    for _ in range(200):  # 200 s, in which the running mean leaves the range of float32
        levels, bins = features.of(np.zeros((1, 100, BINS), np.complex64))

    assert np.isfinite(levels).all()
    assert not bins.any()
    assert all(np.isfinite(feature).all() for feature in features.of(_spectra(100)))


def test_gains_of_one_and_the_middle_tap_change_nothing():
    spectra, frames = _spectra(30), 30 - (TAPS - 1)
    taps = np.zeros((1, frames, FILTERED, TAPS), np.complex64)
    taps[..., LOOKAHEAD] = 1

    clean = filtered(spectra, np.ones((1, frames, BANDS), np.float32), taps)

    np.testing.assert_array_equal(clean, spectra[:, LOOKAHEAD : LOOKAHEAD + frames])


def test_low_bins_are_filtered_over_time_and_high_ones_scaled():
    spectra, frames = _spectra(30), 30 - (TAPS - 1)
    taps = np.zeros((1, frames, FILTERED, TAPS), np.complex64)
    taps[..., 0] = 2j

    clean = filtered(spectra, np.zeros((1, frames, BANDS), np.float32), taps)

    np.testing.assert_allclose(clean[..., :FILTERED], 2j * spectra[:, :frames, :FILTERED])
    assert not clean[..., FILTERED:].any()
