"""The real child process: measuring strangers' files, within its memory, until its parent ends."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
import zlib
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from stemwright.entry.child import PROBE
from stemwright.entry.composition import Probing
from stemwright.errors import EmptyAudio, InputError, NoAudioStream, UnreadableAudio
from stemwright.jobs.children import ChildPool
from support import odd_child
from support.media import png_cover, wav_header, write_lossy
from support.songs import noise, write_song

CHILD = [sys.executable, "-m", "stemwright.entry.child", "0"]
MEMORY_MB = 2_000


@pytest.fixture(scope="module")
def children():
    children = ChildPool([*CHILD, str(MEMORY_MB)], {**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    yield children
    children.close()


@pytest.fixture
def probe(children):
    return Probing(children)


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "ogg"])
def test_the_length_a_file_declares_is_told(probe, tmp_path, ending):
    song = write_song(tmp_path / f"song.{ending}", 6.25)

    assert probe(song, name="song") == pytest.approx(6.25, abs=0.06)


def test_the_length_a_file_does_not_declare_is_counted_unless_only_its_header_counts(
    probe, tmp_path
):
    song = recorded_live(tmp_path / "song.webm", 6.0)

    assert probe(song, name="song") == pytest.approx(6.0, abs=0.1)
    assert probe.header(song) is None


@pytest.mark.parametrize("halves", [("quiet", "loud"), ("loud", "quiet")])
def test_a_length_that_could_only_be_guessed_from_the_size_is_counted(probe, tmp_path, halves):
    silence, sound = np.zeros((2, 441_000), np.float32), noise(10.0).T.astype(np.float32)
    block = np.concatenate([{"quiet": silence, "loud": sound}[half] for half in halves], axis=1)
    song = write_lossy(tmp_path / "song.aac", block, codec="aac", container="adts")

    assert probe(song, name="song") == pytest.approx(20.0, abs=0.1)
    assert probe.header(song) is None


def recorded_live(path, seconds):
    """Write a file as a stream is written, which cannot go back to say how long it became."""
    with (
        path.open("wb") as file,
        av.open(SimpleNamespace(write=file.write), "w", format="webm") as output,
    ):
        opus = output.add_stream("libopus", rate=48_000, layout="mono")
        for start in range(0, round(seconds * 48_000), 960):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.float32), "flt", "mono")
            frame.sample_rate, frame.pts = 48_000, start
            output.mux(opus.encode(frame))
        output.mux(opus.encode(None))
    return path


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", EmptyAudio),
        (b"just some words", UnreadableAudio),
        (b"<!doctype html><html></html>", UnreadableAudio),
        (wav_header(data_bytes=4_000), EmptyAudio),
        (os.urandom(60_000), UnreadableAudio),
        (png_cover(), (NoAudioStream, UnreadableAudio)),
    ],
)
def test_what_is_no_song_is_refused_by_the_name_its_user_knows(probe, tmp_path, content, error):
    path = tmp_path / "input.mp3"
    path.write_bytes(content)

    with pytest.raises(error, match="My song") as refused:
        probe(path, name="My song")

    assert str(tmp_path) not in refused.value.message


def test_a_file_that_declares_sound_and_has_none_is_found_out(probe, tmp_path):
    song = write_song(tmp_path / "song.flac", 6.0)
    song.write_bytes(song.read_bytes()[:60] + os.urandom(3_000))

    with pytest.raises(InputError, match="My song"):
        probe(song, name="My song")


def test_a_file_that_claims_to_last_for_days_says_so_or_is_refused(probe, tmp_path):
    flac = write_song(tmp_path / "song.flac", 1.0, channels=1)
    claimed = bytearray(flac.read_bytes())
    claimed[21] |= 0x0F  # the top bits of the number of samples
    flac.write_bytes(claimed)

    try:
        assert probe(flac, name="My song") > 86_400
    except InputError as refused:
        assert "My song" in refused.message  # noqa: PT017  # both answers are right


def test_a_wav_that_claims_four_gigabytes_lasts_as_long_as_what_is_there(probe, tmp_path):
    path = tmp_path / "song.wav"
    path.write_bytes(wav_header(channels=1, data_bytes=0xFFFFFFFF) + bytes(88_200))

    assert probe(path, name="song") == pytest.approx(1.0)


def test_a_cover_as_large_as_the_memory_allowed_harms_nobody(probe, children, tmp_path):
    song = write_song(tmp_path / "song.mp3", 6.0)
    size = 1 << 28  # declared by the tag, not there
    header = b"ID3\x04\x00\x00" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    song.write_bytes(header + zlib.compress(bytes(100)) + song.read_bytes())

    try:
        probe(song, name="song")
    except InputError as refused:
        assert "song" in refused.message  # noqa: PT017  # any answer will do
    assert probe(write_song(tmp_path / "good.wav", 6.0), name="good") == pytest.approx(6.0)


class Started:
    """A child as its parent has it, without the parent."""

    def __init__(self, *command: str, **environ: str) -> None:
        tests = str(Path(odd_child.__file__).parents[1])
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": tests, **environ},
        )

    def ask(self, work, **arguments):
        self.process.stdin.write(
            json.dumps({"work": work, "arguments": arguments}).encode() + b"\n"
        )
        self.process.stdin.flush()

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        with self.process:
            pass


def test_a_child_is_held_to_its_memory():
    with Started("stemwright.entry.child", "0", str(MEMORY_MB)) as child:
        child.ask(PROBE)
        child.answer()

        limits = Path(f"/proc/{child.process.pid}/limits").read_text()
    assert re.search(rf"Max address space +{MEMORY_MB << 20} ", limits)


@pytest.mark.parametrize("work", ["wait", "babble"])
def test_a_child_at_work_ends_at_once_when_its_parent_is_gone(work):
    with Started("support.odd_child") as child:
        child.ask(work)
        assert child.answer()["phase"] == work

        asked = time.monotonic()
        child.close()

        assert child.process.wait(10) == 0
        assert time.monotonic() - asked < 5


def test_an_idle_child_of_the_service_ends_with_its_input_and_says_nothing():
    with Started("stemwright.entry.child", "0", "0") as child:
        child.close()

        assert child.process.wait(30) == 0
        assert child.process.stdout.read() == b""


def test_a_line_that_comes_in_pieces_is_one_request(tmp_path):
    song = write_song(tmp_path / "song.wav", 6.0)
    request = json.dumps({"work": PROBE, "arguments": {"song": str(song), "count": True}})
    with Started("stemwright.entry.child", "0", "0") as child:
        for piece in (request[:20], request[20:] + "\n" + request + "\n"):
            child.process.stdin.write(piece.encode())
            child.process.stdin.flush()
            select.select([child.process.stdout], [], [], 0.2)

        assert [child.answer()["done"] for _ in range(2)] == [{"duration_s": 6.0}] * 2


def test_a_defect_is_told_without_its_text():
    with Started("stemwright.entry.child", "0", "0") as child:
        child.ask(PROBE, count=True)

        answer = child.answer()
        assert (answer["error"], answer["message"]) == ("internal", "An internal error (KeyError).")


def test_the_probe_does_not_pay_for_the_engine():
    script = (
        "import sys, stemwright.entry.child\n"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'openvino', 'sqlalchemy')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
