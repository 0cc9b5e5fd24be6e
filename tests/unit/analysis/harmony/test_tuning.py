"""How far a song is from A4 = 440 Hz."""

import numpy as np
import pytest

from stemwright.analysis.harmony.pitch_frames import PitchFrameCollector
from support.chords import played


def frames_of(samples, block=10_000):
    collector = PitchFrameCollector()
    for start in range(0, len(samples), block):
        collector.process(samples[start : start + block])
    return collector.finish()


@pytest.mark.parametrize("cents", [-45, -20, 0, 13, 40, 49])
def test_detuned_chords_are_measured_within_two_cents(cents):
    tuning = frames_of(played(["C", "Am", "F", "G"], cents=cents)).tuning.estimate()

    assert tuning.cents == pytest.approx(cents, abs=2)
    assert tuning.clarity > 0.5


def test_noise_keeps_to_no_semitones():
    noise = np.random.default_rng(1).normal(0, 0.1, 10 * 22_050).astype(np.float32)

    assert frames_of(noise).tuning.estimate().clarity < 0.03


def test_silence_counts_as_in_tune_and_unclear():
    tuning = frames_of(np.zeros(44_100, np.float32)).tuning.estimate()

    assert (tuning.cents, tuning.clarity) == (0.0, 0.0)


def test_frames_do_not_depend_on_the_size_of_blocks():
    song = played(["C", "G"])

    small, large = frames_of(song, 777), frames_of(song, len(song))

    np.testing.assert_array_equal(small.magnitudes, large.magnitudes)


def test_there_is_a_frame_for_every_tenth_of_a_second():
    assert len(frames_of(played(["C"], seconds=3.25)).magnitudes) == 33


def test_a_song_of_no_samples_has_no_frames():
    assert len(PitchFrameCollector().finish().magnitudes) == 0
