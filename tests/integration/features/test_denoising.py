"""Recordings through ``denoise_file``, with a network that takes everything for speech."""

import tracemalloc

import numpy as np
import pytest
import soundfile

from stemwright.audio.decode import SongFile
from stemwright.audio.encode import Encoding, open_encoder
from stemwright.audio.tags import Tags
from stemwright.errors import AudioTooLong, Cancelled, EmptyAudio, UnreadableAudio
from stemwright.features.denoising.render import denoise_file
from support.denoisers import Scaling

TAGS = Tags(title="A talk", artist="Somebody", date="2024")


def _recording(path, rate=44_100, channels=2, seconds=2.5, subtype="PCM_16"):
    frames = round(seconds * rate)
    times = np.arange(frames) / rate
    tones = [0.3 * np.sin(2 * np.pi * (300 + 100 * n) * times) for n in range(channels)]
    soundfile.write(path, np.stack(tones, axis=1), rate, subtype)
    return path


def _decoded(path):
    song = SongFile(path)
    return song.info, np.concatenate(list(song.blocks()), axis=1)


@pytest.mark.parametrize("file_format", ["wav", "flac", "mp3"])
@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (48_000, 1), (32_000, 2)])
def test_length_rate_and_channels_stay_in_every_format(tmp_path, file_format, rate, channels):
    recording = _recording(tmp_path / "talk.wav", rate, channels)
    output = tmp_path / f"clean.{file_format}"

    done = denoise_file(recording, output, file_format, network=Scaling())

    info, clean = _decoded(output)
    assert (info.sample_rate, info.channels) == (done.sample_rate, done.channels)
    assert (info.sample_rate, info.channels) == (rate, channels)
    assert clean.shape == (channels, round(2.5 * rate))
    assert done.duration_s == 2.5


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("frames", [1, 4801, 50_003])
def test_what_is_all_speech_stays_in_its_place_at_any_rate(tmp_path, rate, frames):
    recording = _recording(tmp_path / "talk.wav", rate, 1, frames / rate, "FLOAT")

    denoise_file(recording, tmp_path / "clean.wav", "wav", network=Scaling())

    (_, before), (info, after) = _decoded(recording), _decoded(tmp_path / "clean.wav")
    assert info.is_float
    assert after.shape == before.shape
    # the ends of a tone that starts and stops at once ring when its rate is changed
    inner = slice(1000, -1000)
    np.testing.assert_allclose(after[:, inner], before[:, inner], atol=1e-4)


def test_depth_and_tags_are_the_recordings(tmp_path):
    recording = tmp_path / "talk.flac"
    with recording.open("wb") as file:
        encoder = open_encoder(
            file, Encoding("flac", "24"), sample_rate=48_000, channels=1, tags=TAGS
        )
        encoder.write(np.zeros((1, 5000), np.float32))
        encoder.close()

    denoise_file(recording, tmp_path / "clean.wav", "wav", network=Scaling())

    info, _ = _decoded(tmp_path / "clean.wav")
    assert info.bit_depth == 24
    assert info.tags == TAGS


def test_surround_becomes_stereo_and_a_rate_mp3_does_not_know_the_next_one(tmp_path):
    recording = _recording(tmp_path / "talk.wav", 22_050, 6)

    done = denoise_file(recording, tmp_path / "clean.mp3", "mp3", network=Scaling())

    info, clean = _decoded(tmp_path / "clean.mp3")
    assert (info.channels, info.sample_rate, done.sample_rate) == (2, 44_100, 44_100)
    assert clean.shape[1] == round(2.5 * 44_100)


def test_progress_grows_to_the_whole(tmp_path):
    told = []

    denoise_file(
        _recording(tmp_path / "talk.wav", seconds=10),
        tmp_path / "clean.wav",
        "wav",
        network=Scaling(),
        progress=told.append,
    )

    assert told == sorted(told)
    assert len(told) > 3
    assert told[-1] == 1


def test_stopped_halfway_it_leaves_the_older_file(tmp_path):
    output = tmp_path / "clean.wav"
    output.write_bytes(b"older")
    asked = []

    with pytest.raises(Cancelled):
        denoise_file(
            _recording(tmp_path / "talk.wav", seconds=10),
            output,
            "wav",
            network=Scaling(),
            cancelled=lambda: asked.append(1) or len(asked) > 2,
        )

    assert output.read_bytes() == b"older"
    assert {path.name for path in tmp_path.iterdir()} == {"talk.wav", "clean.wav"}


@pytest.mark.parametrize(
    ("content", "error"), [(b"no sound" * 99, UnreadableAudio), (b"", EmptyAudio)]
)
def test_what_is_no_recording_is_said_and_nothing_is_written(tmp_path, content, error):
    recording, output = tmp_path / "talk.wav", tmp_path / "clean.wav"
    recording.write_bytes(content)

    with pytest.raises(error):
        denoise_file(recording, output, "wav", network=Scaling())

    assert not output.exists()


def test_a_recording_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(AudioTooLong):
        denoise_file(
            _recording(tmp_path / "talk.wav"),
            tmp_path / "clean.wav",
            "wav",
            network=Scaling(),
            max_duration_s=1,
        )


def test_memory_does_not_grow_with_the_recording(tmp_path):
    recording = _recording(tmp_path / "talk.wav", 48_000, 1, seconds=60)
    tracemalloc.start()
    try:
        denoise_file(recording, tmp_path / "clean.wav", "wav", network=Scaling())
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 6_000_000  # the recording as float32 has 11.5 MB
