"""The installed command with the real model, on the demo song whose true stems are known."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from stemwright.features.separations.demo import SAMPLE_RATE, demo_parts

pytestmark = [pytest.mark.model, pytest.mark.slow]

COMMAND = [sys.executable, "-m", "stemwright", "separate", "--quality", "fast", "--no-download"]


@pytest.fixture(scope="module")
def parts():
    """Nine seconds from where all parts play, ``[samples, channels]`` each, scaled to fit."""
    start = 12 * SAMPLE_RATE
    cut = {name: part[:, start : start + 9 * SAMPLE_RATE].T for name, part in demo_parts().items()}
    peak = np.abs(sum(cut.values())).max()
    return {name: 0.9 * part / peak for name, part in cut.items()}


@pytest.fixture(scope="module")
def song(parts, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "song.wav"
    soundfile.write(path, sum(parts.values()), SAMPLE_RATE, "PCM_16")
    return path


def test_stems_resemble_the_parts_the_song_was_made_of(song, parts):
    found = subprocess.run(
        [*COMMAND, song.name, "--json"], cwd=song.parent, capture_output=True, text=True, check=True
    )
    document = json.loads(found.stdout)

    for stem, part in parts.items():
        estimate = soundfile.read(song.parent / document["stems"][stem])[0]
        sdr_db = 10 * np.log10(np.sum(part**2) / np.sum((part - estimate) ** 2))
        # The network gets 8 dB and more of each; noise or a swapped stem gets less than nothing.
        assert sdr_db > 4, stem


def test_interrupted_separation_stops_soon_and_leaves_nothing(song):
    command = subprocess.Popen(
        [*COMMAND, song.name, "-o", "stopped", "--shifts", "20"],
        cwd=song.parent,
        stderr=subprocess.PIPE,
        text=True,
    )
    # "10%" is said once the first segments are through.
    assert any("10%" in line for line in command.stderr)
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=20)

    assert command.returncode == 130
    assert not (song.parent / "stopped").exists()
