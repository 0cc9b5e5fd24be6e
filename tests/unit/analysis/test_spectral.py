"""Against librosa 0.11's defaults on `support.signals.music`, whose values are written here."""

import numpy as np
import pytest

from stemwright.analysis.frontend import hear
from stemwright.analysis.sound import Sound
from stemwright.analysis.spectral import EnergyMeter, SpectrumListener, pooled
from support.signals import music, tones

# librosa.feature.X(y=music(4.0, sample_rate=22050).mean(axis=0)).mean(axis=1)
LIBROSA_MFCC = (
    *(-452.382, 79.494, 72.234, 60.17, 45.106, 28.526, 13.075),
    *(-1.325, -12.389, -19.284, -22.07, -21.12, -17.03),
)


def listened(samples, rate=22_050):
    energy, spectrum = EnergyMeter(), SpectrumListener()
    hear(Sound.of_array(samples, rate), [energy, spectrum])
    spectrum.finish()
    return energy.finish(), spectrum


def test_energy_and_crossings_are_librosas():
    energy, _ = listened(music(4.0, sample_rate=22_050))
    assert energy.mean == pytest.approx(0.113810, abs=1e-5)
    # librosa repeats the edge samples where we think silence
    assert energy.zero_crossing_rate == pytest.approx(0.018016, rel=0.02)


def test_spectral_shape_is_librosas():
    _, spectrum = listened(music(4.0, sample_rate=22_050))
    shape = spectrum.shape()
    assert shape.centroid_hz == pytest.approx(1017.708, rel=1e-4)
    assert shape.rolloff_hz == pytest.approx(2203.917, rel=1e-4)
    assert shape.bandwidth_hz == pytest.approx(1246.613, rel=1e-4)


def test_mel_cepstra_are_librosas():
    _, spectrum = listened(music(4.0, sample_rate=22_050))
    found = spectrum.mfcc()
    assert found.shape == (13, 173)
    assert found.mean(axis=1) == pytest.approx(np.array(LIBROSA_MFCC), abs=0.05)


def test_a_sine_has_its_own_centroid_level_and_crossings():
    energy, spectrum = listened(tones(3.0, channels=1, level=0.5), 44_100)
    assert energy.mean == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    assert energy.zero_crossing_rate == pytest.approx(2 * 220 / 22_050, rel=0.01)
    assert spectrum.shape().centroid_hz == pytest.approx(220, abs=15)


def test_silence_gives_zeros_and_nothing_gives_nothing():
    energy, spectrum = listened(np.zeros((1, 22_050)))
    assert energy.mean == energy.zero_crossing_rate == spectrum.shape().centroid_hz == 0
    assert np.isfinite(spectrum.mfcc()).all()
    _, nothing = listened(np.zeros((1, 0)))
    assert nothing.mfcc().shape[0] == 13


def test_long_arrays_are_averaged_down():
    rows = np.arange(24, dtype=np.float32).reshape(2, 12)
    assert pooled(rows, 4).tolist() == [[1, 4, 7, 10], [13, 16, 19, 22]]
    assert pooled(rows, 12) is rows
