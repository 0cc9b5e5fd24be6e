import numpy as np
import pytest

from stemwright.analysis.frames import Framer
from stemwright.analysis.frontend import SAMPLE_RATE, hear
from stemwright.analysis.sound import Sound
from stemwright.errors import Cancelled
from support.signals import noise, tones
from support.songs import write_song


class Recorder:
    def __init__(self):
        self.heard = []

    def process(self, samples):
        self.heard.append(samples.copy())

    @property
    def samples(self):
        return np.concatenate(self.heard, axis=-1)


def test_listeners_get_mono_at_the_low_rate_and_blocks_as_they_are():
    mono, full = Recorder(), Recorder()
    song = tones(2.0)
    condition = hear(Sound.of_array(song, 44_100), [mono], [full])
    assert mono.samples.shape == (2 * SAMPLE_RATE,)
    assert np.array_equal(full.samples, song)
    assert condition.duration_s == 2.0


def test_a_file_is_heard_as_the_same_samples_in_memory(tmp_path):
    path = write_song(tmp_path / "song.wav", 1.5)
    of_file, of_array, blocks = Recorder(), Recorder(), Recorder()
    hear(Sound.of_file(path), [of_file], [blocks])
    hear(Sound.of_array(blocks.samples, 44_100), [of_array])
    assert np.allclose(of_file.samples, of_array.samples, atol=1e-6)


def test_broken_samples_are_heard_as_silence():
    song = tones(0.5, channels=1)
    song[0, 1000:1010] = [np.nan, np.inf, -np.inf, *[np.nan] * 7]
    mono = Recorder()
    hear(Sound.of_array(song, 44_100), [mono])
    assert np.isfinite(mono.samples).all()


def test_a_dead_channel_is_named_and_silence_is_not():
    song = tones(0.5)
    song[1] = 0
    assert hear(Sound.of_array(song, 44_100)).silent_channels == (1,)
    assert hear(Sound.of_array(np.zeros((2, 100)), 44_100)).silent_channels == ()


def test_clipping_is_told_from_touching_full_scale():
    loud = np.clip(3 * tones(1.0), -1, 1)
    once = tones(1.0)
    once[0, 100] = 1.0
    assert hear(Sound.of_array(loud, 44_100)).clipped_share > 0.3
    assert hear(Sound.of_array(once, 44_100)).clipped_share == 0.0


def test_stems_are_added_whatever_blocks_they_come_in():
    one, other = noise(150_000, channels=2), noise(140_000, channels=2, seed=1)
    total = Recorder()
    hear(Sound.sum_of([Sound.of_array(one, 44_100), Sound.of_array(other, 44_100)]), [], [total])
    expected = one.mean(axis=0)
    expected[:140_000] += other.mean(axis=0)
    assert np.allclose(total.samples[0], expected, atol=1e-6)


def test_cancelling_stops_at_the_next_block():
    heard = Recorder()
    song = Sound.of_array(noise(44_100 * 10), 44_100)
    with pytest.raises(Cancelled):
        hear(song, [], [heard], cancelled=lambda: len(heard.heard) >= 2)
    assert len(heard.heard) == 2


def test_progress_rises_to_one():
    told = []
    hear(Sound.of_array(noise(300_000), 44_100), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.parametrize("cut", [1, 100, 511, 5000])
def test_windows_do_not_depend_on_how_samples_come(cut):
    samples = np.arange(5000, dtype=np.float32)
    framer = Framer(256, 100)
    found = []
    for start in range(0, 5000, cut):
        found += [some.copy() for some in framer.process(samples[start : start + cut])]
    found += [some.copy() for some in framer.flush()]
    windows = np.concatenate(found)
    assert len(windows) == 51
    assert windows[10, 128] == samples[1000]
