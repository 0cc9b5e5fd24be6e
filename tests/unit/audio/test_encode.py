import io

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwright.audio.decode import SongFile
from stemwright.audio.encode import Encoding, open_encoder
from stemwright.audio.tags import Tags
from stemwright.audio.wav import WavEncoder
from stemwright.errors import OptionError
from support.media import decode, png_cover
from support.signals import lag_of, music, noise

TAGS = Tags(
    "日本語 🎵 (vocals)", "Ünïcödé", "Альбом", "Various", "2021-03-04", "3/12", "Pop", "hé",
    png_cover(),
)  # fmt: skip
EVERY_ENCODING = [
    Encoding("wav", "16"),
    Encoding("wav", "24"),
    Encoding("wav", "32f"),
    Encoding("flac", "16"),
    Encoding("flac", "24"),
    Encoding("mp3", bitrate_kbps=320),
    Encoding("mp3", bitrate_kbps=192),
    Encoding("mp3", bitrate_kbps=128),
]


def name_of(encoding):
    return f"{encoding.format}-{encoding.bit_depth or encoding.bitrate_kbps}"


every_encoding = pytest.mark.parametrize("encoding", EVERY_ENCODING, ids=name_of)


def write(path, block, encoding, *, rate=44100, tags=None, step=5000, expected=None):
    with path.open("w+b") as file:
        encoder = open_encoder(
            file,
            encoding,
            sample_rate=rate,
            channels=block.shape[0],
            tags=tags,
            expected_frames=expected,
        )
        for start in range(0, block.shape[1], step):
            encoder.write(block[:, start : start + step])
        encoder.close()
    return path


@pytest.mark.parametrize("depth", ["16", "24"])
@pytest.mark.parametrize("format_", ["wav", "flac"])
@settings(max_examples=10, deadline=None)
@given(
    frames=st.integers(1, 6000),
    channels=st.integers(1, 2),
    step=st.integers(1, 3000),
    level=st.sampled_from([1e-6, 0.1, 1.0]),
)
def test_integer_samples_round_trip_exactly(
    tmp_path_factory, format_, depth, frames, channels, step, level
):
    block = noise(frames, channels=channels, level=level, bits=int(depth))
    path = tmp_path_factory.getbasetemp() / f"round.{format_}"
    write(path, block, Encoding(format_, depth), step=step)
    assert np.array_equal(decode(path, 1000), block)


def test_float_wav_keeps_every_bit_beyond_full_scale_too(tmp_path):
    block = noise(5001, level=3.0)
    block[0, 0] = 7.5
    assert np.array_equal(decode(write(tmp_path / "a.wav", block, Encoding("wav", "32f"))), block)


@every_encoding
@pytest.mark.parametrize("channels", [1, 2])
def test_tags_and_cover_survive_in_our_eyes_and_in_ffmpegs(tmp_path, encoding, channels):
    block = music(0.3)[:channels]
    path = write(tmp_path / f"a{encoding.extension}", block, encoding, tags=TAGS)
    assert SongFile(path).info.tags == TAGS
    with av.open(str(path)) as container:
        seen = {key.lower(): text for key, text in container.metadata.items()}
        assert (seen["title"], seen["album_artist"]) == (TAGS.title, TAGS.album_artist)
        assert bytes(next(container.demux(container.streams.video[0]))) == TAGS.cover


@every_encoding
@pytest.mark.parametrize("frames", [1, 575, 1152, 1153, 44100, 100_003])
def test_length_comes_back_to_the_sample(tmp_path, encoding, frames):
    block = music(frames / 44100)[:, :frames]
    path = write(tmp_path / f"a{encoding.extension}", block, encoding)
    assert decode(path).shape == block.shape
    assert SongFile(path).info.frames == frames
    assert soundfile.info(path).frames == frames


@pytest.mark.parametrize("rate", [32000, 44100, 48000])
@pytest.mark.parametrize(("kbps", "floor_db"), [(320, 25), (192, 20), (128, 15)])
def test_mp3_is_aligned_and_close_to_what_went_in(tmp_path, rate, kbps, floor_db):
    block = music(2.0, sample_rate=rate)
    path = write(tmp_path / "a.mp3", block, Encoding("mp3", bitrate_kbps=kbps), rate=rate)
    heard = decode(path)
    assert lag_of(heard, block) == 0
    error_db = 10 * np.log10(np.mean(block**2) / np.mean((heard - block) ** 2))
    assert error_db > floor_db


def test_mp3_clips_what_is_too_loud_and_never_wraps(tmp_path):
    block = np.repeat(1.5 * np.sin(np.arange(44100) / 40)[None], 2, axis=0).astype(np.float32)
    heard = decode(write(tmp_path / "a.mp3", block, Encoding("mp3")))
    assert np.abs(heard - np.clip(block, -1, 1)).max() < 0.2


@pytest.mark.parametrize("encoding", [Encoding("wav"), Encoding("mp3")], ids=name_of)
def test_a_song_of_no_samples_is_still_a_file(tmp_path, encoding):
    path = write(tmp_path / f"a{encoding.extension}", noise(0), encoding)
    assert soundfile.info(path).frames == 0


def test_short_wav_has_the_classic_44_byte_header(tmp_path):
    path = write(tmp_path / "a.wav", noise(100), Encoding("wav", "16"), expected=100)
    assert path.read_bytes()[36:40] == b"data"
    assert path.stat().st_size == 44 + 400


def test_odd_sized_wav_is_padded_before_its_tags(tmp_path):
    path = write(tmp_path / "a.wav", noise(101)[:1], Encoding("wav", "24"), tags=Tags(title="x"))
    assert SongFile(path).info.tags.title == "x"
    assert SongFile(path).info.frames == 101


def test_wav_beyond_4_gib_becomes_rf64_with_true_sizes():
    file = SparseFile()
    encoder = WavEncoder(file, 24, 44100, 2, Tags(title="long"), None)
    frames = (5 << 30) // 6
    encoder._data_bytes = frames * 6  # as if written: what matters are the headers
    file.seek(0, io.SEEK_END)
    file.skip(frames * 6)
    encoder.close()
    assert file.head[:4] == b"RF64"
    assert file.head[12:16] == b"ds64"
    assert int.from_bytes(file.head[28:36], "little") == frames * 6
    assert int.from_bytes(file.head[20:28], "little") == file.size - 8


class SparseFile(io.RawIOBase):
    """Counts what is written and keeps the first bytes."""

    def __init__(self):
        self.head, self.size, self.position = bytearray(200), 0, 0

    def write(self, piece):
        if self.position < 100:
            self.head[self.position : self.position + len(piece)] = piece
        return self.skip(len(piece))

    def skip(self, count):
        self.position += count
        self.size = max(self.size, self.position)
        return count

    def seek(self, offset, whence=0):
        self.position = offset + (self.size if whence == io.SEEK_END else 0)
        return self.position

    def tell(self):
        return self.position


@pytest.mark.parametrize(
    ("source", "target"),
    [(44100, 44100), (48000, 48000), (32000, 32000), (96000, 48000), (192000, 48000),
     (88200, 44100), (176400, 44100), (22050, 44100), (11025, 44100), (8000, 32000),
     (16000, 32000), (24000, 48000), (37800, 44100), (64000, 48000)],
)  # fmt: skip
def test_mp3_takes_the_nearest_rate_it_has(source, target):
    assert Encoding("mp3").output_rate(source) == target


def test_wav_and_flac_keep_the_source_rate():
    assert Encoding("wav").output_rate(192000) == Encoding("flac").output_rate(192000) == 192000


@pytest.mark.parametrize(
    "wrong",
    [("flac", "32f"), ("mp3", "16"), ("ogg", None), ("wav", "20"), ("mp3", None, 256)],
)
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(OptionError, match="choose"):
        Encoding(*wrong)


def test_rates_and_channels_a_format_cannot_hold_are_refused():
    with pytest.raises(OptionError, match="96000"):
        open_encoder(io.BytesIO(), Encoding("mp3"), sample_rate=96000, channels=2)
    with pytest.raises(OptionError, match="channels"):
        open_encoder(io.BytesIO(), Encoding("wav"), sample_rate=44100, channels=6)


@every_encoding
def test_an_error_of_the_file_reaches_the_caller(encoding):
    encoder = open_encoder(FullDisk(), encoding, sample_rate=44100, channels=2)
    with pytest.raises(OSError, match="disk full"):
        for _ in range(8):
            encoder.write(noise(65536))


class FullDisk(io.BytesIO):
    def write(self, piece):
        if self.tell() > 100_000:
            raise OSError(28, "disk full")
        return super().write(piece)
