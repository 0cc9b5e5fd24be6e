"""Tempo, beats and bars of patterns whose answer is known, and no answer where there is none."""

import numpy as np
import pytest

from stemwright.analysis.rhythm import Onsets, OnsetStream, find_rhythm
from stemwright.errors import Cancelled

RATE = 22_050


def drums(bpm, meter=4, seconds=24.0, *, start_s=0.3, seed=0):
    """Kick on the first beat of a bar (and the third of four), else snare, and hats between."""
    rng = np.random.default_rng(seed)
    song = 1e-4 * rng.standard_normal(int(seconds * RATE))
    beats = np.arange(start_s, seconds - 1, 60 / bpm)
    for index, beat in enumerate(beats):
        strong = index % meter == 0 or (meter == 4 and index % 4 == 2)
        add(song, beat, kick(rng) if strong else snare(rng))
        if index % meter == 0:
            add(song, beat, bass_note(60 / bpm * meter, index // meter))
        for half in (beat, beat + 30 / bpm):
            add(song, half, 0.15 * noise_burst(rng, 0.03))
    return song.astype(np.float32), beats


def add(song, at_s, sound):
    start = int(at_s * RATE)
    stop = min(start + len(sound), len(song))
    song[start:stop] += sound[: stop - start]


def kick(rng):
    time = np.arange(int(0.15 * RATE)) / RATE
    return 0.8 * np.sin(2 * np.pi * 60 * time) * np.exp(-time / 0.04)


def snare(rng):
    return 0.5 * noise_burst(rng, 0.12)


def noise_burst(rng, seconds):
    time = np.arange(int(seconds * RATE)) / RATE
    return rng.standard_normal(len(time)) * np.exp(-5 * time / seconds)


def bass_note(seconds, bar):
    time = np.arange(int(0.95 * seconds * RATE)) / RATE
    hz = 55 * 2 ** ((0, 5, 7, 3)[bar % 4] / 12)
    return 0.2 * np.sin(2 * np.pi * hz * time) * np.minimum(1, 20 * time)


def heard(samples) -> Onsets:
    stream = OnsetStream()
    stream.process(np.asarray(samples, np.float32))
    return stream.finish()


def found(samples):
    return find_rhythm(heard(samples))


def share_hit(wanted, beats, tolerance_s=0.07):
    distance = np.abs(np.asarray(wanted)[:, None] - np.asarray(beats)[None])
    return np.mean(distance.min(axis=1) < tolerance_s)


@pytest.mark.parametrize("bpm", [72, 96, 120, 150, 174])
def test_tempo_of_a_drum_pattern_is_exact_to_half_a_percent(bpm):
    song, _ = drums(bpm)

    assert found(song).tempo == pytest.approx(bpm, rel=0.005)


def test_beats_fall_on_the_drums():
    song, beats = drums(112)

    rhythm = found(song)

    assert share_hit(beats[1:-1], rhythm.beats_s) > 0.95
    assert share_hit(rhythm.beats_s[1:-1], beats) > 0.95


@pytest.mark.parametrize("meter", [3, 4])
def test_bars_begin_where_the_kick_and_the_new_bass_note_are(meter):
    song, beats = drums(110, meter)

    rhythm = found(song)

    assert rhythm.meter == meter
    assert share_hit(rhythm.downbeats_s[1:-1], beats[::meter]) > 0.9


def test_a_steady_song_says_so_with_confidence():
    rhythm = found(drums(120)[0])

    assert rhythm.steady
    assert rhythm.confidence > 0.8
    assert rhythm.candidates[0].bpm == pytest.approx(120, rel=0.03)


@pytest.mark.parametrize("gain", [0.003, 0.1, 3.0])
def test_loudness_does_not_matter(gain):
    song, _ = drums(128)

    assert found(gain * song).tempo == pytest.approx(128, rel=0.005)


def test_clipped_drums_still_have_their_tempo():
    song, _ = drums(100)

    assert found(np.clip(8 * song, -1, 1)).tempo == pytest.approx(100, rel=0.005)


def test_an_offset_of_the_whole_signal_does_not_matter():
    song, _ = drums(100)

    assert found(song + 0.3).tempo == pytest.approx(100, rel=0.005)


def test_beats_begin_with_the_music_and_not_in_the_silence_before():
    song, _ = drums(120, start_s=5.0)
    song[: int(4.9 * RATE)] = 0

    assert found(song).beats_s[0] > 4.7


def test_a_slowly_drifting_band_is_followed():
    rng = np.random.default_rng(1)
    intervals = 0.5 * (1 + 0.03 * np.sin(np.arange(60) / 8))
    beats = 0.3 + np.cumsum(intervals)
    song = 1e-4 * rng.standard_normal(int((beats[-1] + 1) * RATE))
    for index, beat in enumerate(beats):
        add(song, beat, kick(rng) if index % 2 == 0 else snare(rng))

    assert share_hit(beats[1:-1], found(song).beats_s) > 0.9


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.5, 1.9])
def test_what_is_shorter_than_a_few_beats_has_no_tempo(seconds):
    rhythm = found(np.ones(int(seconds * RATE)))

    assert rhythm.tempo is None
    assert "short" in rhythm.absence


def test_silence_is_named():
    assert found(np.zeros(10 * RATE)).absence == "it is silent"


@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_noise_has_no_beat(offset):
    noise = 0.1 * np.random.default_rng(2).standard_normal(30 * RATE) + offset

    rhythm = found(noise)

    assert rhythm.tempo is None
    assert not rhythm.steady
    assert rhythm.confidence < 0.25
    assert "beat" in rhythm.absence


def test_a_held_chord_has_no_beat():
    time = np.arange(20 * RATE) / RATE
    chord = sum(0.1 * np.sin(2 * np.pi * hz * time) for hz in (220, 277, 330))

    assert found(chord).tempo is None


def test_knocks_at_random_times_have_no_beat():
    rng = np.random.default_rng(3)
    song = 1e-4 * rng.standard_normal(30 * RATE)
    for at in np.cumsum(rng.exponential(0.6, 60)):
        if at < 29:
            add(song, at, snare(rng))

    assert found(song).tempo is None


def test_a_lone_constant_gives_a_result_and_no_warning():
    assert found(np.full(5 * RATE, 0.5)).tempo is None


@pytest.mark.parametrize("block", [1, 37, 4096, 300_000])
def test_blocks_of_any_size_give_the_same_onsets(block):
    song = drums(120, seconds=6 if block > 1 else 0.5)[0]
    stream = OnsetStream()
    for start in range(0, len(song), block):
        stream.process(song[start : start + block])
    pieces, whole = stream.finish(), heard(song)

    np.testing.assert_array_equal(pieces.strength, whole.strength)
    np.testing.assert_array_equal(pieces.pitches, whole.pitches)


def test_an_hour_takes_little_memory():
    onsets = heard(drums(120, seconds=30)[0])
    stored = onsets.strength.nbytes + onsets.pitches.nbytes + onsets.level.nbytes

    assert stored / onsets.seconds < 8000  # 29 MB an hour


def test_it_can_be_stopped():
    with pytest.raises(Cancelled):
        find_rhythm(heard(drums(120, seconds=5)[0]), cancelled=lambda: True)


def test_few_beats_are_worth_less_confidence_than_many():
    song, _ = drums(120, seconds=30)

    assert found(song[: int(3.6 * RATE)]).confidence < found(song).confidence - 0.1


@pytest.mark.parametrize("seconds", [2.3, 2.7, 3.6, 4.5])
def test_a_short_tone_has_no_tempo(seconds):
    assert found(np.sin(0.1 * np.arange(int(seconds * RATE)))).tempo is None


def test_a_song_that_changes_its_tempo_is_followed_and_called_unsteady():
    slow, slow_beats = drums(100, seconds=60)
    fast, fast_beats = drums(114, seconds=60)
    song = np.concatenate([slow, fast])
    beats = np.concatenate([slow_beats[:-2], 60 + fast_beats])

    rhythm = found(song)

    assert share_hit(beats[1:-1], rhythm.beats_s) > 0.9
    assert not rhythm.steady
