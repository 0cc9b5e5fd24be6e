import subprocess
import sys

import numpy as np
import pytest
import soundfile

from stemwright.audio.decode import SongFile
from support.media import decode, png_cover, wav_header, write_lossy, write_pcm
from support.signals import lag_of, music, noise, tones

TAGS = {
    "title": "日本語 🎵",
    "artist": "Ünïcödé",
    "album": "A",
    "album_artist": "Various",
    "date": "2021",
    "track": "3",
    "genre": "Pop",
}


def kind(path):
    info = SongFile(path).info
    return info.container, info.codec, info.bit_depth, info.is_float


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("a.wav", {"subtype": "PCM_U8"}, ("wav", "pcm_u8", 8, False)),
        ("a.wav", {"subtype": "PCM_16"}, ("wav", "pcm_16", 16, False)),
        ("a.wav", {"subtype": "PCM_24"}, ("wav", "pcm_24", 24, False)),
        ("a.wav", {"subtype": "PCM_24", "format": "WAVEX"}, ("wav", "pcm_24", 24, False)),
        ("a.rf64", {"subtype": "PCM_24"}, ("rf64", "pcm_24", 24, False)),
        ("a.w64", {"subtype": "PCM_24"}, ("w64", "pcm_24", 24, False)),
        ("a.aiff", {"subtype": "PCM_24"}, ("aiff", "pcm_24", 24, False)),
        ("a.aiff", {"subtype": "PCM_U8"}, ("aiff", "pcm_u8", 8, False)),
        ("a.au", {"subtype": "PCM_16"}, ("au", "pcm_16", 16, False)),
        ("a.caf", {"subtype": "ALAC_24"}, ("caf", "alac_24", 24, False)),
        ("a.flac", {"subtype": "PCM_16"}, ("flac", "flac", 16, False)),
        ("a.flac", {"subtype": "PCM_24"}, ("flac", "flac", 24, False)),
    ],
)
def test_integer_formats_decode_exactly(tmp_path, name, options, expected):
    block = noise(20_001, bits=expected[2])
    path = write_pcm(tmp_path / name, block, **options)
    assert kind(path) == expected
    assert SongFile(path).info.frames == 20_001
    assert np.array_equal(decode(path, 4096), block)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.m4a", "alac"),
        ("a.oga", "flac"),
        ("a.mkv", "flac"),
        ("a.wv", "wavpack"),
        ("a.tta", "tta"),
    ],
)
def test_lossless_codecs_in_other_containers_decode_exactly(tmp_path, name, codec):
    block = noise(20_001, bits=16)
    packing = "s16p" if codec in {"alac", "wavpack"} else "s16"
    path = write_lossy(tmp_path / name, block, codec=codec, bit_rate=None, sample_format=packing)
    assert np.array_equal(decode(path), block)
    assert SongFile(path).info.bit_depth == 16


def test_24_bits_survive_in_containers_that_ffmpeg_reads(tmp_path):
    block = noise(20_001, bits=24)
    for name, codec, packing in (("a.mov", "pcm_s24le", "s32"), ("a.m4a", "alac", "s32p")):
        path = write_lossy(
            tmp_path / name, block, codec=codec, bit_rate=None, sample_format=packing
        )
        assert np.array_equal(decode(path), block)
        assert SongFile(path).info.bit_depth == 24


def test_float_samples_pass_unscaled_and_beyond_full_scale(tmp_path):
    block = noise(1000, level=2.0) * 2
    path = write_pcm(tmp_path / "a.wav", block, subtype="FLOAT")
    assert kind(path) == ("wav", "float", None, True)
    assert np.array_equal(decode(path), block)


def test_double_wav_becomes_float32(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(1000).T.astype(np.float64) / 3, 44100, subtype="DOUBLE")
    assert np.allclose(decode(path), noise(1000) / 3, atol=1e-7)


def test_samples_that_are_not_numbers_become_silence(tmp_path):
    block = noise(1000)
    block[0, 10], block[1, 20], block[0, 30] = np.nan, np.inf, -np.inf
    heard = decode(write_pcm(tmp_path / "a.wav", block, subtype="FLOAT"))
    assert np.array_equal(heard, np.where(np.isfinite(block), block, 0))


@pytest.mark.parametrize(
    ("name", "codec", "rate", "options"),
    [
        ("a.mp3", "libmp3lame", 44100, {}),
        ("cover.mp3", "libmp3lame", 44100, {"cover": png_cover()}),
        ("a.m4a", "aac", 44100, {}),
        ("cover.mp4", "aac", 44100, {"cover": png_cover()}),
        ("film.mp4", "aac", 44100, {"video": True}),
        ("a.opus", "libopus", 48000, {}),
        ("a.webm", "libopus", 48000, {}),
    ],
)
def test_gapless_formats_give_back_the_length_and_place_of_every_sample(
    tmp_path, name, codec, rate, options
):
    block = music(2.345, sample_rate=rate)
    heard = decode(write_lossy(tmp_path / name, block, rate, codec=codec, **options))
    assert heard.shape == block.shape
    assert lag_of(heard, block) == 0


def test_ogg_vorbis_is_gapless(tmp_path):
    block = music(2.345)
    heard = decode(write_pcm(tmp_path / "a.ogg", block, format="OGG", subtype="VORBIS"))
    assert heard.shape == block.shape
    assert lag_of(heard, block) == 0


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.aac", "aac"), ("a.wma", "wmav2"), ("a.ts", "aac"), ("a.ac3", "ac3"), ("a.flv", "aac"),
     ("a.avi", "libmp3lame"), ("a.mkv", "aac"), ("a.mp2", "mp2")],
)  # fmt: skip
def test_formats_without_gapless_data_decode_whole(tmp_path, name, codec):
    block = music(2.0)
    heard = decode(write_lossy(tmp_path / name, block, codec=codec))
    assert heard.shape[0] == 2
    assert -4096 <= heard.shape[1] - block.shape[1] <= 4096


def test_an_ape_tag_behind_an_mp3_adds_no_sound(tmp_path):
    path = write_lossy(tmp_path / "a.mp3", music(1.0), codec="libmp3lame")
    item = (9).to_bytes(4, "little") + bytes(4) + b"MP3GAIN_UNDO\0+001,+001"
    sizes = [2000, len(item) + 32, 1, 0]
    footer = b"APETAGEX" + b"".join(n.to_bytes(4, "little") for n in sizes) + bytes(8)
    path.write_bytes(path.read_bytes() + item + footer + b"TAG" + b"x" * 125)
    assert decode(path).shape == (2, 44100)


@pytest.mark.parametrize("channels", [1, 6, 8])
@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.mka", "flac")])
def test_mono_and_surround_keep_their_channels_in_wave_order(tmp_path, channels, name, codec):
    block = tones(1.0, channels=channels)
    path = write_lossy(tmp_path / name, block, codec=codec, bit_rate=None)
    heard = decode(path)
    assert SongFile(path).info.channels == channels
    shared = slice(5000, 39_000)
    likeness = np.corrcoef(heard[:, shared], block[:, shared])[:channels, channels:]
    full_band = [k for k in range(channels) if k != 3]  # aac keeps only the lows of an LFE channel
    assert likeness.argmax(axis=1)[full_band].tolist() == full_band


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 48000, 96000, 192000])
def test_the_sample_rate_is_the_sources_own(tmp_path, rate):
    path = write_pcm(tmp_path / "a.flac", noise(2000, bits=16), rate)
    assert SongFile(path).info.sample_rate == rate
    assert decode(path).shape == (2, 2000)


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.opus", "a.wma", "a.mkv", "a.oga"])
def test_tags_are_read_from_every_container(tmp_path, name):
    codec = {"mp3": "libmp3lame", "m4a": "aac", "mkv": "aac", "opus": "libopus", "wma": "wmav2",
             "oga": "flac"}[name.split(".")[1]]  # fmt: skip
    path = write_lossy(
        tmp_path / name, music(0.5, sample_rate=48000), 48000, codec=codec, tags=TAGS
    )
    assert SongFile(path).info.tags.texts() == TAGS


def test_covers_are_read(tmp_path):
    for name, codec in (("a.mp3", "libmp3lame"), ("a.mp4", "aac")):
        path = write_lossy(tmp_path / name, music(0.5), codec=codec, cover=png_cover())
        assert SongFile(path).info.tags.cover == png_cover()


def test_broken_tags_do_not_hurt_the_music(tmp_path):
    path = write_lossy(tmp_path / "a.mp3", music(0.5), codec="libmp3lame", tags={"title": "T" * 99})
    raw = bytearray(path.read_bytes())
    raw[20:60] = b"\xff\xfe\xd8\x00" * 10
    path.write_bytes(raw)
    assert decode(path).shape == (2, 22050)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.m4a", "a.ogg"])
def test_every_pass_and_every_block_size_give_the_same_samples(tmp_path, name):
    block = music(1.0)
    codec = {"a.mp3": "libmp3lame", "a.m4a": "aac"}.get(name)
    path = tmp_path / name
    write_lossy(path, block, codec=codec) if codec else write_pcm(path, block)
    song = SongFile(path)
    first = list(song.blocks(10_000))
    second = list(song.blocks(3_333))
    assert all(part.shape[1] == 10_000 for part in first[:-1])
    assert all(part.dtype == np.float32 and part.flags.c_contiguous for part in first)
    assert np.array_equal(np.concatenate(first, axis=1), np.concatenate(second, axis=1))


def test_a_link_to_a_song_is_a_song(tmp_path):
    write_pcm(tmp_path / "a.wav", noise(100))
    (tmp_path / "link.wav").symlink_to(tmp_path / "a.wav")
    assert decode(tmp_path / "link.wav").shape == (2, 100)


def test_the_name_need_not_tell_the_format(tmp_path):
    write_lossy(tmp_path / "a.mp3", music(0.5), codec="libmp3lame").rename(tmp_path / "a.wav")
    assert SongFile(tmp_path / "a.wav").info.container == "mp3"
    assert decode(tmp_path / "a.wav").shape == (2, 22050)


@pytest.mark.parametrize("claimed", [0, 10**6, 0x7FFFFFF0, 0xFFFFFFFF])
def test_a_wav_that_claims_another_length_gives_what_is_there(tmp_path, claimed):
    path = tmp_path / "a.wav"
    path.write_bytes(wav_header(data_bytes=claimed) + bytes(4) + b"\x01\x02\x03\x04" * 999)
    assert decode(path).shape == (2, 1000)


def test_a_flac_of_unstated_length_decodes_whole(tmp_path):
    path = write_pcm(tmp_path / "a.flac", noise(30_000, bits=16))
    raw = bytearray(path.read_bytes())
    raw[21] &= 0xF0
    raw[22:26] = bytes(4)
    path.write_bytes(raw)
    assert SongFile(path).info.frames is None
    assert np.array_equal(decode(path), noise(30_000, bits=16))


def test_rate_and_layout_changes_midway_are_converted(tmp_path):
    stereo = write_lossy(tmp_path / "a.aac", tones(1.0), codec="aac")
    mono = tones(1.0, sample_rate=22050, channels=1)
    tail = write_lossy(tmp_path / "b.aac", mono, 22050, codec="aac")
    both = tmp_path / "c.aac"
    both.write_bytes(stereo.read_bytes() + tail.read_bytes())
    heard = decode(both)
    assert heard.shape[0] == 2
    assert abs(heard.shape[1] - 2 * 44100) < 6 * 1024
    assert np.abs(heard[:, 60_000:80_000]).max() > 0.2


def test_a_wav_is_decoded_without_loading_pyav(tmp_path):
    write_pcm(tmp_path / "a.wav", noise(100))
    script = (
        "import sys; from pathlib import Path; from stemwright.audio.decode import SongFile;"
        "assert 'soundfile' not in sys.modules;"
        "list(SongFile(Path(sys.argv[1])).blocks()); assert 'av' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "a.wav"], check=True)
