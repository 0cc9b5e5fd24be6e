"""Pitch and time of streams: lengths to the sample, pitch to some cents, and seams unheard."""

from concurrent.futures import Future

import numpy as np
import pytest

from stemwright.audio.edits import joined
from stemwright.audio.seams import seam_length, turned
from stemwright.audio.stretch import PIECE_S, TempoAndPitch, stretched_frames
from stemwright.audio.stretch_worker import stretched

RATE = 44_100


def _at_once(piece, frames, rate):
    done = Future()
    done.set_result(stretched(piece, frames, rate))
    return done


def _stretch(clip, tempo=1.0, semitones=0.0, rate=RATE, block=65_536):
    stage = TempoAndPitch(clip.shape[1], tempo, semitones, rate, _at_once)
    blocks = [clip[:, at : at + block] for at in range(0, clip.shape[1], block)]
    return joined([*map(stage.process, blocks), stage.finish()])


def _tone(hertz, seconds, rate=RATE):
    time = np.arange(round(seconds * rate)) / rate
    tone = 0.5 * np.sin(2 * np.pi * hertz * time)
    return np.stack([tone, 0.5 * tone]).astype(np.float32)


def _pitch(clip, rate=RATE):
    """Frequency of the strongest partial, by a parabola through the peak of the log spectrum."""
    spectrum = np.log(np.abs(np.fft.rfft(clip[0] * np.hanning(clip.shape[1]))) + 1e-12)
    peak = int(spectrum.argmax())
    low, mid, high = spectrum[peak - 1 : peak + 2]
    return (peak + (low - high) / (2 * (low - 2 * mid + high))) * rate / clip.shape[1]


def _cents(one, other):
    return 1200 * np.log2(one / other)


def _levels_db(clip, window=2048):
    """Level of each window of ``clip`` in decibels."""
    count = clip.shape[1] // window
    power = (clip[:, : count * window].reshape(clip.shape[0], count, window) ** 2).mean((0, 2))
    return 10 * np.log10(power + 1e-12)


@pytest.mark.parametrize("tempo", [0.5, 0.77, 1.0, 1.31, 2.0])
@pytest.mark.parametrize("frames", [1, 2, 1000, 44_101, 470_003])
def test_the_length_is_exact(frames, tempo):
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (2, frames)).astype(np.float32)
    assert _stretch(noise, tempo, 1.0).shape == (2, stretched_frames(frames, tempo))


def test_nothing_becomes_nothing():
    stage = TempoAndPitch(0, 0.5, 3.0, RATE, _at_once)
    assert stage.finish().shape == (2, 0)


@pytest.mark.parametrize(
    ("tempo", "semitones"), [(0.5, 0), (0.8, 0), (2, 0), (1, 12), (1, -12), (1, 3.5), (1.25, -5)]
)
@pytest.mark.parametrize("hertz", [55, 110, 440, 1760])
def test_pitch_follows_the_semitones_alone(hertz, tempo, semitones):
    done = _stretch(_tone(hertz, 4), tempo, semitones)
    inner = done[:, RATE // 4 : -RATE // 4]
    assert abs(_cents(_pitch(inner), hertz * 2 ** (semitones / 12))) < 1


@pytest.mark.parametrize("rate", [8000, 48_000, 192_000])
def test_other_rates_are_heard_as_they_are(rate):
    done = _stretch(_tone(440, 3, rate), 0.8, 2, rate)
    assert done.shape[1] == stretched_frames(3 * rate, 0.8)
    assert abs(_cents(_pitch(done[:, rate // 4 : -rate // 4], rate), 440 * 2 ** (1 / 6))) < 1


@pytest.mark.parametrize("tempo", [0.8, 1.5])
@pytest.mark.parametrize("partials", [(440,), (82.4,), (110, 164.8, 220, 277.2, 329.6, 880)])
def test_no_dip_and_no_swell_where_pieces_meet(tempo, partials):
    seconds = 2.3 * PIECE_S * tempo
    clip = sum(_tone(hertz, seconds) for hertz in partials) / len(partials)
    pieces = _stretch(clip, tempo)
    whole = stretched(clip, pieces.shape[1], RATE)

    difference = (_levels_db(pieces) - _levels_db(whole))[4:-4]

    assert np.abs(difference).max() < 1.5


@pytest.mark.parametrize("tempo", [0.8, 1.25])
def test_noise_keeps_its_level_through_seams(tempo):
    noise = np.random.default_rng(1).normal(0, 0.1, (2, round(23 * RATE * tempo)))
    levels = _levels_db(_stretch(noise.astype(np.float32), tempo), 8192)
    assert np.ptp(levels[2:-2]) < 3


@pytest.mark.parametrize("tempo", [0.8, 1.6])
def test_beats_stay_on_the_clock_to_the_end(tempo):
    clip = np.zeros((2, 30 * RATE), np.float32)
    beats = np.arange(RATE // 2, clip.shape[1] - RATE, RATE)
    burst = np.random.default_rng(1).normal(0, 0.3, 400) * np.exp(-np.arange(400) / 80)
    for beat in beats:
        clip[:, beat : beat + 400] = burst

    done = np.abs(_stretch(clip, tempo)).sum(axis=0)

    for beat in beats / tempo:
        near = slice(int(beat) - 6000, int(beat) + 6000)
        moment = int(done[near].argmax()) + near.start
        assert abs(moment - beat) < 0.02 * RATE


def test_what_comes_out_does_not_depend_on_how_it_came_in():
    clip = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 11 * RATE)).astype(np.float32)
    once = _stretch(clip, 0.9, block=777_777)
    np.testing.assert_array_equal(_stretch(clip, 0.9, block=4321), once)


def test_equal_channels_come_out_equal_and_as_from_two():
    clip = _tone(330, 1)
    clip[1] = clip[0]
    nearly = clip.copy()
    nearly[1, 0] += 1e-6

    one, two = stretched(clip, 50_000, RATE), stretched(nearly, 50_000, RATE)

    np.testing.assert_array_equal(one[0], one[1])
    np.testing.assert_allclose(one, two, atol=1e-2)


def test_a_seam_begins_as_the_one_and_ends_as_the_other():
    before, after = (
        _tone(440, 1)[:, : seam_length(RATE)],
        _tone(440, 1)[:, 30 : seam_length(RATE) + 30],
    )

    seam = turned(before, after, RATE)

    np.testing.assert_allclose(seam[:, :200], before[:, :200], atol=0.02)
    np.testing.assert_allclose(seam[:, -200:], after[:, -200:], atol=0.02)
    assert np.abs(_levels_db(seam) - _levels_db(before)).max() < 0.5


def test_a_seam_of_silence_is_silence():
    nothing = np.zeros((2, seam_length(RATE)), np.float32)
    assert not turned(nothing, nothing, RATE).any()
