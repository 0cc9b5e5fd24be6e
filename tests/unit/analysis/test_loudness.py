import numpy as np
import pytest

from stemwright.analysis.frontend import hear
from stemwright.analysis.loudness import LoudnessMeter
from stemwright.analysis.sound import Sound
from support.ebu import BURSTS, CASES, RATE, stereo
from support.signals import noise

READERS = {
    "integrated": lambda it: it.integrated_lufs,
    "range": lambda it: it.range_lu,
    "true peak": lambda it: it.true_peak_dbtp,
    "momentary": lambda it: it.momentary_max_lufs,
    "short-term": lambda it: it.short_term_max_lufs,
}


def loudness(samples, rate=RATE, positions=None):
    meter = LoudnessMeter(rate, len(samples), positions)
    hear(Sound.of_array(samples, rate), full=[meter])
    return meter.finish()


@pytest.mark.parametrize("case", CASES + BURSTS, ids=lambda case: case.name)
def test_reading_is_within_what_the_ebu_allows(case):
    below, above = case.tolerance
    found = READERS[case.quantity](loudness(case.signal()))
    assert case.expected - below <= found <= case.expected + above


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 96_000, 192_000])
def test_the_weighting_holds_at_any_sample_rate(rate):
    tone = 10 ** (-23 / 20) * np.sin(2 * np.pi * 997 * np.arange(3 * rate) / rate)
    assert loudness(np.stack([tone, tone]), rate).integrated_lufs == pytest.approx(-23, abs=0.05)


def test_loudness_does_not_depend_on_how_the_song_was_cut():
    song = noise(5 * 44_100, channels=2)
    whole, pieces = LoudnessMeter(44_100, 2), LoudnessMeter(44_100, 2)
    whole.process(song)
    for start in range(0, song.shape[1], 997):
        pieces.process(song[:, start : start + 997])
    one, other = whole.finish(), pieces.finish()
    assert one.integrated_lufs == pytest.approx(other.integrated_lufs, abs=1e-4)
    assert one.true_peak_dbtp == pytest.approx(other.true_peak_dbtp, abs=1e-4)


def test_a_second_channel_adds_its_power():
    tone = stereo((-20, 2))()
    both, left = loudness(tone), loudness(tone[:1])
    assert both.integrated_lufs - left.integrated_lufs == pytest.approx(3.01, abs=0.01)


def test_the_low_frequency_channel_does_not_count():
    tone = stereo((-20, 2))()[:1]
    quiet = np.zeros_like(tone)
    layout = ("FL", "FR", "LFE")
    with_lfe = loudness(np.concatenate([tone, quiet, tone]), positions=layout)
    assert with_lfe.integrated_lufs == pytest.approx(loudness(tone).integrated_lufs, abs=0.01)


@pytest.mark.parametrize("samples", [np.zeros((2, 48_000)), np.zeros((2, 0)), np.ones((1, 300))])
def test_silence_and_snippets_have_no_loudness(samples):
    found = loudness(samples)
    assert found.integrated_lufs is None
    assert found.range_lu is None


def test_a_peak_in_the_last_sample_is_found():
    song = np.zeros((1, 1001))
    song[0, -1] = 0.5
    assert loudness(song).true_peak_dbtp >= 20 * np.log10(0.5) - 0.01


def test_true_peak_equals_that_of_oversampling_everything():
    song = noise(20_000, channels=1, level=0.3)
    spectrum = np.fft.rfft(song[0])
    between = 4 * np.fft.irfft(spectrum, 4 * song.shape[1])
    found = loudness(song).true_peak_dbtp
    # A finite filter differs from the ideal one, most for noise up to half the sample rate.
    assert found == pytest.approx(20 * np.log10(np.abs(between).max()), abs=0.3)
