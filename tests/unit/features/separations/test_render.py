from dataclasses import dataclass, field

import numpy as np
import pytest
import soundfile

from stemwright.audio.decode import SongFile
from stemwright.engine.separate import Method
from stemwright.errors import Cancelled
from stemwright.features.separations.render import OutputGrid, measure, render
from support.separators import GAINS, GainSeparator
from support.songs import noise, write_song

METHOD = Method()
STEP_16 = 2.0**-15


@dataclass
class Collected:
    """An encoder that keeps what it is given."""

    blocks: list = field(default_factory=list)

    def write(self, block):
        self.blocks.append(block.copy())

    def close(self):
        pass

    @property
    def audio(self):
        return np.concatenate(self.blocks, axis=1)


def never():
    return False


def rendered(path, stems, *, step=None, exact=False, rate=None):
    mixture = measure(SongFile(path), never)
    info = mixture.song.info
    outputs = {stem: Collected() for stem in stems}
    rate = rate or info.sample_rate
    frames = round(mixture.frames * rate / info.sample_rate)
    grid = OutputGrid(rate, min(info.channels, 2), frames, step)
    render(
        mixture, GainSeparator(), METHOD, outputs, grid,
        exact=exact, progress=lambda _: None, cancelled=never,
    )  # fmt: skip
    return {stem: written(collected.audio, step) for stem, collected in outputs.items()}


def written(audio, step):
    """What an encoder makes of samples: the nearest value it has."""
    return audio if step is None else np.rint(audio.astype(np.float64) / step) * step


@pytest.mark.parametrize("offset", [0.0, 0.7])
def test_first_pass_finds_length_mean_and_deviation(tmp_path, offset):
    song = noise(3.3) * 0.3 + offset
    soundfile.write(tmp_path / "a.wav", song, 44_100, "FLOAT")
    mixture = measure(SongFile(tmp_path / "a.wav"), never)
    mono = song.astype(np.float32).mean(axis=1, dtype=np.float64)

    assert (mixture.frames, mixture.samples) == (len(song), len(song))
    assert mixture.mean == pytest.approx(mono.mean(), abs=1e-9)
    assert mixture.deviation == pytest.approx(mono.std(ddof=1), rel=1e-9)


def test_measured_length_is_that_of_the_blocks_whatever_the_rate(tmp_path):
    mixture = measure(SongFile(write_song(tmp_path / "a.wav", 2.5, rate=32_000)), never)

    assert sum(block.shape[1] for block in mixture.blocks()) == mixture.samples


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_stems_have_the_songs_rate_length_and_channels(tmp_path, rate, channels):
    path = write_song(tmp_path / "a.wav", 1.2345, rate=rate, channels=channels)

    stems = rendered(path, ["bass", "instrumental"])

    for audio in stems.values():
        assert audio.shape == (channels, round(1.2345 * rate))


def test_stem_is_what_the_model_gave_in_step_with_the_song(tmp_path):
    path = tmp_path / "a.wav"
    time = np.arange(96_000) / 48_000
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * np.outer(time, [440, 660])), 48_000, "FLOAT")

    bass = rendered(path, ["bass"])["bass"]

    # Two conversions between 44.1 and 48 kHz leave a tone within -60 dB away from the edges.
    song = soundfile.read(path)[0].T
    assert np.abs(bass - GAINS["bass"] * song)[:, 4800:-4800].max() < 1e-3


def test_surround_becomes_stereo_stems(tmp_path):
    path = write_song(tmp_path / "a.wav", 1.0, channels=6)

    assert rendered(path, ["drums"])["drums"].shape == (2, 44_100)


@pytest.mark.parametrize(("subtype", "step"), [("PCM_16", STEP_16), ("PCM_24", 2.0**-23)])
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_vocals_and_instrumental_add_up_to_the_song_exactly(tmp_path, subtype, step, rate):
    path = write_song(tmp_path / "a.wav", 2.0, rate=rate, subtype=subtype)

    stems = rendered(path, ["vocals", "instrumental"], step=step)

    total = stems["vocals"] + stems["instrumental"]
    assert np.array_equal(total, soundfile.read(path)[0].T)


def test_exact_sum_adds_up_to_the_song(tmp_path):
    path = write_song(tmp_path / "a.wav", 2.0, rate=48_000, subtype="PCM_16")

    stems = rendered(path, list(GAINS), step=STEP_16, exact=True)

    total = sum(stems.values())
    assert np.array_equal(total, soundfile.read(path)[0].T)


def test_vocals_do_not_depend_on_what_else_is_written(tmp_path):
    path = write_song(tmp_path / "a.wav", 1.5, rate=48_000)

    alone = rendered(path, ["vocals"])["vocals"]

    # Beside an instrumental, float vocals lie on a grid of 2 ** -23.
    assert np.abs(alone - rendered(path, [*GAINS, "instrumental"])["vocals"]).max() < 2.0**-23


def test_stems_at_another_rate_have_the_same_duration(tmp_path):
    path = write_song(tmp_path / "a.wav", 1.0, rate=96_000)

    assert rendered(path, ["bass", "instrumental"], rate=48_000)["bass"].shape == (2, 48_000)


def test_one_sample_is_a_song(tmp_path):
    path = write_song(tmp_path / "a.wav", 1 / 44_100)

    assert rendered(path, ["bass", "instrumental"])["instrumental"].shape == (2, 1)


def test_reading_stops_when_asked(tmp_path):
    song = SongFile(write_song(tmp_path / "a.wav", 3.0))

    with pytest.raises(Cancelled):
        measure(song, lambda: True)


def test_long_song_is_never_held_as_a_whole(tmp_path):
    path = write_song(tmp_path / "a.wav", 20.0, rate=48_000)
    largest = 0

    class Watching(Collected):
        def write(self, block):
            nonlocal largest
            largest = max(largest, block.shape[1])

    mixture = measure(SongFile(path), never)
    grid = OutputGrid(48_000, 2, mixture.frames, None)
    outputs = {"bass": Watching(), "instrumental": Watching()}
    render(
        mixture, GainSeparator(), METHOD, outputs, grid, progress=lambda _: None, cancelled=never
    )

    assert 0 < largest < 2 * 48_000
