"""Pitch and time in a mix: made by processes of their own, that end with it."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemwright.audio.stretch_workers import StretchWorkers
from stemwright.errors import Cancelled, ChildDied
from stemwright.features.mixes.manifest import parse_manifest
from stemwright.features.mixes.render import render_mix

RATE = 44_100


@pytest.fixture(scope="module")
def stems(tmp_path_factory):
    time = np.arange(12 * RATE) / RATE
    stems = {}
    for hertz in (220, 330):
        tones = [0.3 * np.sin(2 * np.pi * (hertz + channel) * time) for channel in range(2)]
        stems[f"tone{hertz}"] = tmp_path_factory.mktemp("stems") / f"{hertz}.wav"
        soundfile.write(stems[f"tone{hertz}"], np.stack(tones, 1), RATE)
    return stems


def _mix(stems, output, edits, **options):
    text = json.dumps({"edits": edits})
    render_mix(stems, parse_manifest(text, dict.fromkeys(stems, ())), output, **options)
    return soundfile.read(output, dtype="float32")[0]


def _strongest(samples, above=0):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    spectrum[: above * len(samples) // RATE] = 0
    return spectrum.argmax() * RATE / len(samples)


def _workers():
    own = Path("/proc/self/task")
    children = {pid for task in own.iterdir() for pid in (task / "children").read_text().split()}
    commands = [Path(f"/proc/{pid}/cmdline") for pid in children]
    return [c for c in commands if c.exists() and b"stretch_worker" in c.read_bytes()]


def test_a_mix_of_stretched_and_shifted_stems(stems, tmp_path):
    edits = [
        {"stem": "tone220", "type": "time_stretch", "params": {"tempo_factor": 0.75}},
        {"stem": "tone330", "type": "pitch_shift", "params": {"semitones": 12}},
    ]
    mix = _mix(stems, tmp_path / "mix.wav", edits)

    assert len(mix) == 16 * RATE
    assert abs(_strongest(mix[13 * RATE :, 0]) - 220) < 0.5
    assert abs(_strongest(mix[RATE : 9 * RATE, 0], above=400) - 660) < 1
    assert _workers() == []


def test_the_same_mix_twice_is_the_same_to_the_bit(stems, tmp_path):
    edits = [
        {"stem": stem, "type": "time_stretch", "params": {"tempo_factor": 1.1}} for stem in stems
    ]
    one, two = (_mix(stems, tmp_path / f"{n}.wav", edits) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_a_crop_behind_a_stretch_does_not_wait_for_the_rest(stems, tmp_path):
    edits = [
        {"stem": "tone220", "type": "time_stretch", "params": {"tempo_factor": 0.5}},
        {"stem": "tone220", "type": "crop", "params": {"start": 0, "end": 1}},
        {"stem": "tone330", "type": "crop", "params": {"start": 0, "end": 1}},
    ]
    assert len(_mix(stems, tmp_path / "mix.wav", edits)) == RATE


def test_stopping_ends_the_workers(stems, tmp_path):
    seen = []

    def cancelled():
        seen.append(len(_workers()))
        return max(seen) > 0

    edits = [{"stem": "tone220", "type": "time_stretch", "params": {"tempo_factor": 0.5}}]
    with pytest.raises(Cancelled):
        _mix(stems, tmp_path / "mix.wav", edits, cancelled=cancelled)

    assert max(seen) > 0
    assert _workers() == []
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_is_killed_is_told():
    clip = np.zeros((2, 20 * RATE), np.float32)
    with StretchWorkers(1) as workers:
        workers(clip, 100, RATE).result()
        waiting = workers(clip, 40 * RATE, RATE)
        workers._started[0].kill()
        with pytest.raises(ChildDied):
            waiting.result()


def test_workers_that_were_never_needed_are_never_started():
    with StretchWorkers(2) as workers:
        assert _workers() == []
    assert workers._started == []
