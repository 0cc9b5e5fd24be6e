"""Files that are broken, lie, or try to reach elsewhere: sound or one clear error, nothing else."""

import contextlib
import os
import random
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stemwright.audio import decode_av
from stemwright.audio.decode import SongFile
from stemwright.errors import (
    AudioTooLong,
    EmptyAudio,
    InputError,
    InputNotFound,
    NoAudioStream,
    UnreadableAudio,
)
from support.media import decode, wav_header, write_lossy, write_pcm
from support.signals import lag_of, music, noise

ID3 = b"ID3\x03\0\0\0\0\0\x14" + bytes(20)


@pytest.fixture
def web():
    """A loopback server that notes every request."""
    requests = []

    class Note(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Note)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", requests
    server.shutdown()
    server.server_close()


def hls(url):
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:9", "#EXTINF:9,", f"{url}/a.ts", "#EXT-X-ENDLIST"]
    return "\n".join(lines).encode()


def dash(url):
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
        f'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><BaseURL>{url}</BaseURL></MPD>'
    ).encode()


@pytest.mark.parametrize("prefix", [b"", ID3], ids=["bare", "behind-a-tag"])
@pytest.mark.parametrize("name", ["a.mp3", "a.m3u8", "a.mpd"])
@pytest.mark.parametrize("playlist", [hls, dash])
def test_playlists_reach_no_server(tmp_path, web, prefix, name, playlist):
    url, requests = web
    path = tmp_path / name
    path.write_bytes(prefix + playlist(url))
    with pytest.raises(UnreadableAudio):
        decode(path)
    # FFmpeg itself refuses too, should a playlist get past our own look at the first bytes.
    with path.open("rb") as file, pytest.raises(UnreadableAudio):
        decode_av.probe(file, path)
    assert requests == []


@pytest.mark.parametrize("prefix", [b"", ID3], ids=["bare", "behind-a-tag"])
def test_concat_scripts_open_no_other_file(tmp_path, prefix):
    secret = write_pcm(tmp_path / "secret.wav", noise(1000))
    path = tmp_path / "a.mp3"
    path.write_bytes(prefix + f"ffconcat version 1.0\nfile {secret}\n".encode())
    with pytest.raises(UnreadableAudio):
        decode(path)
    with path.open("rb") as file, pytest.raises(UnreadableAudio):
        decode_av.probe(file, path)


def test_a_request_to_open_something_else_is_refused(tmp_path):
    with pytest.raises(PermissionError, match="secret"):
        decode_av._refuse("file:///secret", 0, {})


@pytest.mark.parametrize(
    ("name", "content", "error", "reason"),
    [
        ("a.mp3", b"", EmptyAudio, "empty"),
        ("a.mp3", b"just some words\n" * 50, UnreadableAudio, "text"),
        ("a.mp3", "ein paar Wörter, 日本語 ".encode() * 500, UnreadableAudio, "text"),
        ("a.mp3", b"<!DOCTYPE html><html>404</html>", UnreadableAudio, "web page"),
        ("a.mp3", b"#EXTM3U\nsong.mp3\n", UnreadableAudio, "playlist"),
        ("a.mp3", random.Random(1).randbytes(200_000), UnreadableAudio, "damaged"),
        ("a.mp3", bytes(100_000), UnreadableAudio, "damaged"),
        ("a.mp3", b"\xff", UnreadableAudio, "recognises"),
        ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(1000), UnreadableAudio, "recognises"),
        ("a.zip", b"PK\x03\x04" + bytes(1000), UnreadableAudio, "recognises"),
        ("a.wav", b"RIFF\x24\0\0\0WAVE", UnreadableAudio, "header"),
        ("a.wav", wav_header(), EmptyAudio, "no sound"),
        ("a.wav", wav_header(channels=0) + bytes(99), UnreadableAudio, "hannel"),
        ("a.wav", wav_header(channels=999) + bytes(9999), UnreadableAudio, "999 channels"),
        ("a.wav", wav_header(sample_rate=3) + bytes(99), UnreadableAudio, "3 Hz"),
        ("a.wav", wav_header(sample_rate=0) + bytes(99), UnreadableAudio, "header"),
        ("a.flac", b"fLaC" + bytes(200), UnreadableAudio, "header"),
        ("a.m4a", b"\0\0\0\x18ftypM4A \0\0\2\0M4A mp42" + bytes(99), UnreadableAudio, "index"),
    ],
)
def test_what_is_no_song_is_one_clear_error(tmp_path, name, content, error, reason):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(error, match=reason) as caught:
        decode(path)
    assert str(path) in caught.value.message
    assert ";" in caught.value.message  # what to do


def test_a_film_without_sound_has_no_audio_stream(tmp_path):
    write_lossy(tmp_path / "full.mp4", music(0.5), codec="aac", video=True)
    silent = tmp_path / "silent.mp4"
    import av

    with av.open(str(silent), "w") as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(NoAudioStream, match="no audio"):
        SongFile(silent)


def test_a_missing_file_and_impossible_names_are_not_found(tmp_path):
    for name in ("nope.mp3", "x" * 300, "nul\0.mp3", "a/b/c.mp3"):
        with pytest.raises(InputNotFound):
            SongFile(tmp_path / name)


def test_a_folder_a_pipe_a_socket_and_a_device_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp3")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        for path in (tmp_path, tmp_path / "pipe.mp3", tmp_path / "s", "/dev/zero"):
            with pytest.raises(UnreadableAudio, match=r"folder|pipe"):
                SongFile(type(tmp_path)(path))


def test_messages_hold_no_terminal_codes_and_no_broken_bytes(tmp_path):
    with pytest.raises(InputNotFound) as caught:
        SongFile(tmp_path / os.fsdecode(b"\x1b[31m\xff.mp3"))
    assert caught.value.message.isprintable()
    caught.value.message.encode("utf-8")


def test_a_song_longer_than_allowed_is_refused_by_its_header(tmp_path):
    path = write_pcm(tmp_path / "a.wav", noise(44100))
    assert SongFile(path, max_duration_s=1).info.frames == 44100
    with pytest.raises(AudioTooLong, match="0:01"):
        SongFile(path, max_duration_s=0.99)


def test_a_song_whose_header_hides_its_length_is_stopped_on_the_way(tmp_path):
    path = write_lossy(tmp_path / "a.aac", music(2.0), codec="aac")
    song = SongFile(path, max_duration_s=1)
    with pytest.raises(AudioTooLong):
        list(song.blocks())


def test_a_song_that_changed_since_it_was_probed_is_refused(tmp_path):
    path = write_pcm(tmp_path / "a.wav", noise(44100))
    song = SongFile(path)
    write_pcm(path, noise(44101))
    with pytest.raises(UnreadableAudio, match="changed"):
        list(song.blocks())


def encoded(path, seconds=10.0):
    codec = {".mp3": "libmp3lame", ".m4a": "aac", ".opus": "libopus", ".webm": "libopus",
             ".wma": "wmav2", ".aac": "aac"}.get(path.suffix)  # fmt: skip
    block = music(seconds, sample_rate=48000)
    return write_lossy(path, block, 48000, codec=codec) if codec else write_pcm(path, block, 48000)


@pytest.mark.parametrize(
    "suffix", ["wav", "aiff", "flac", "mp3", "aac", "ogg", "opus", "webm", "wma"]
)
def test_a_song_that_breaks_off_gives_what_is_there(tmp_path, suffix):
    path = encoded(tmp_path / f"a.{suffix}")
    whole = decode(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    heard = decode(path)
    assert 0.4 < heard.shape[1] / whole.shape[1] < 0.6
    shared = heard.shape[1] - 4096
    assert np.array_equal(heard[:, :shared], whole[:, :shared])


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "aac", "m4a", "ogg", "opus", "wma"])
def test_damage_in_the_middle_does_not_cost_the_rest(tmp_path, suffix):
    path = encoded(tmp_path / f"a.{suffix}")
    whole = decode(path)
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 3000] = random.Random(2).randbytes(3000)
    path.write_bytes(raw)
    heard = decode(path)
    assert heard.shape[1] > 0.85 * whole.shape[1]  # an ogg page is up to a second
    late = whole[:, -60_000:-20_000]
    tail = heard[:, -80_000:]
    at = lag_of(tail, late)
    assert np.allclose(tail[:, at : at + 40_000], late, atol=1e-4)


@pytest.fixture(scope="module")
def short_songs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("short")
    names = ["a.wav", "a.flac", "a.mp3", "a.m4a", "a.ogg", "a.opus", "a.webm", "a.aiff"]
    return {name: encoded(folder / name, 0.5).read_bytes() for name in names}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=30),
    header_edits=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4),
    kept=st.floats(0.01, 1),
)
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.m4a", "a.ogg", "a.webm", "a.aiff"])
def test_any_damage_gives_sound_or_one_input_error_soon(
    tmp_path, short_songs, name, edits, header_edits, kept
):
    raw = bytearray(short_songs[name])
    for place, byte in edits:
        raw[min(int(place * len(raw)), len(raw) - 1)] = byte
    for at, byte in header_edits:
        raw[at % len(raw)] = byte
    path = tmp_path / name
    path.write_bytes(raw[: max(int(kept * len(raw)), 1)])
    started = time.perf_counter()
    with contextlib.suppress(InputError):
        assert all(block.shape[1] for block in SongFile(path, max_duration_s=60).blocks())
    assert time.perf_counter() - started < 5


def test_damaged_files_print_nothing(tmp_path, short_songs, capfd):
    path = tmp_path / "a.m4a"
    for at in range(0, 400, 7):
        raw = bytearray(short_songs["a.m4a"])
        raw[at : at + 4] = b"\xff\xff\xff\xf0"
        path.write_bytes(raw)
        try:
            list(SongFile(path, max_duration_s=60).blocks())
        except InputError:
            continue
    assert capfd.readouterr() == ("", "")
