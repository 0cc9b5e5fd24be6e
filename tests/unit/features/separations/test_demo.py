import numpy as np

from stemwright.features.separations.demo import SAMPLE_RATE, demo_parts, demo_song


def test_demo_song_is_half_a_minute_of_sane_stereo():
    song = demo_song()

    assert song.shape[0] == 2
    assert 30 * SAMPLE_RATE < song.shape[1] < 40 * SAMPLE_RATE
    assert np.abs(song).max() == np.float32(0.9)
    assert np.isfinite(song).all()


def test_demo_song_is_the_same_every_time():
    assert np.array_equal(demo_song(), demo_song())


def test_every_part_of_the_demo_song_is_heard():
    levels = {name: np.sqrt(np.mean(part**2)) for name, part in demo_parts().items()}

    # No part lies more than 12 dB below the loudest.
    assert min(levels.values()) > max(levels.values()) / 4
