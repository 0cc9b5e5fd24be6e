"""Any song in, one of the library's formats out, checked before it counts."""

import pytest

from stemwright.audio.decode import SongFile
from stemwright.errors import AudioTooLong, DownloadedFileInvalid, UnreadableAudio
from stemwright.features.downloads.child_work import encode_song
from stemwright.features.downloads.encoding_work import EncodingWork
from stemwright.features.downloads.validation import check_song
from support.media import png_cover, write_lossy, write_pcm
from support.signals import noise, tones
from support.songs import write_song


def encoded(song, quality="high", **more):
    output = song.parent / f"out.{'flac' if quality == 'lossless' else 'mp3'}"
    work = EncodingWork(song=str(song), output=str(output), quality=quality, **more)
    told = []
    done = encode_song(EncodingWork(**work.plain()), lambda phase, f: told.append((phase, f)))
    return SongFile(output).info, done, told


@pytest.mark.parametrize(
    ("channels", "rate", "quality", "heard"),
    [
        (1, 44_100, "high", (1, 44_100)),
        (2, 96_000, "low", (2, 48_000)),
        (2, 96_000, "lossless", (2, 96_000)),
        (6, 48_000, "medium", (2, 48_000)),
    ],
)
def test_channels_and_rates_are_kept_as_far_as_the_format_has_them(
    tmp_path, channels, rate, quality, heard
):
    song = write_song(tmp_path / "song.wav", 1.0, rate=rate, channels=channels)
    info, done, told = encoded(song, quality)

    assert (info.channels, info.sample_rate) == heard
    assert done == {"duration_s": 1.0}
    assert told[-1] == ("encode", 1.0)


def test_lossless_keeps_every_sample_of_the_source(tmp_path):
    song = write_pcm(tmp_path / "song.wav", noise(44_100, channels=2, bits=24), subtype="PCM_24")
    encoded(song, "lossless")

    before, after = (
        b"".join(block.tobytes() for block in SongFile(path).blocks())
        for path in (song, tmp_path / "out.flac")
    )
    assert before == after


def test_known_tags_come_before_those_of_the_file(tmp_path):
    own = {"title": "upload 7", "genre": "Folk"}
    song = write_lossy(tmp_path / "song.m4a", tones(1.0), codec="aac", tags=own)
    (tmp_path / "cover").write_bytes(png_cover())
    known = {"title": "Song", "artist": "Band"}
    tags = encoded(song, tags=known, cover=str(tmp_path / "cover"))[0].tags

    assert (tags.title, tags.artist, tags.genre) == ("Song", "Band", "Folk")
    assert tags.cover == png_cover()


def test_a_song_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(AudioTooLong):
        encoded(write_song(tmp_path / "song.wav", 2.0), max_duration_s=1.0)


def test_what_is_no_song_is_refused(tmp_path):
    (tmp_path / "song.mp3").write_bytes(b"no sound at all " * 100)
    with pytest.raises(UnreadableAudio):
        encoded(tmp_path / "song.mp3")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"ID3" + bytes(1020), "1023 bytes"),
        (b"<html>" + bytes(2000), "neither MP3 nor FLAC"),
        (b"fLaC" + bytes(2000), "does not decode"),
        (b"OggS" + bytes(2000), "does not decode"),
    ],
)
def test_what_came_out_is_looked_at(tmp_path, content, says):
    (tmp_path / "out").write_bytes(content)
    with pytest.raises(DownloadedFileInvalid, match=says):
        check_song(tmp_path / "out", "The song")
