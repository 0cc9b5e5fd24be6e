"""Sounds that have neither a tempo nor a key, and say so."""

import numpy as np
import pytest

from stemwright.analysis.harmony.describe import describe_harmony
from stemwright.analysis.harmony.pitch_frames import PitchFrameCollector
from stemwright.analysis.rhythm import OnsetStream, find_rhythm

RATE = 22_050
TIMES = np.arange(20 * RATE) / RATE


def tone(hertz, level=0.5):
    return (level * np.sin(2 * np.pi * hertz * TIMES)).astype(np.float32)


SOUNDS = {
    "a sine": tone(440),
    "a sine between two bins": tone(441.7),
    "mains hum": tone(50, 0.3) + tone(150, 0.1),
    "a sawtooth": (0.5 * ((TIMES * 110) % 1 - 0.5)).astype(np.float32),
    "white noise": np.random.default_rng(0).normal(0, 0.1, TIMES.size).astype(np.float32),
    "silence": np.zeros(TIMES.size, np.float32),
}


@pytest.mark.parametrize("sound", SOUNDS)
def test_what_never_begins_has_no_tempo(sound):
    stream = OnsetStream()
    stream.process(SOUNDS[sound])
    rhythm = find_rhythm(stream.finish())
    assert rhythm.tempo is None
    assert rhythm.absence
    assert rhythm.beats_s.size == 0


@pytest.mark.parametrize("sound", sorted(set(SOUNDS) - {"a sawtooth"}))
def test_one_note_has_no_key(sound):
    collector = PitchFrameCollector()
    collector.process(SOUNDS[sound])
    assert describe_harmony(collector.finish()).key.key is None
