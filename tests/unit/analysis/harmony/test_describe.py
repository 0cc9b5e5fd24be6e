"""Key and chords of short synthesised songs, and of what is no song."""

import numpy as np
import pytest

from stemwright.analysis.harmony.describe import describe_harmony
from stemwright.analysis.harmony.pitch_frames import PitchFrameCollector
from support.chords import RATE, played


def harmony_of(samples):
    collector = PitchFrameCollector()
    for start in range(0, len(samples), 50_000):
        collector.process(samples[start : start + 50_000].astype(np.float32))
    return describe_harmony(collector.finish())


@pytest.mark.parametrize(
    ("progression", "key"),
    [
        (["C", "F", "G", "C"], "C major"),
        (["Am", "Dm", "E7", "Am"], "A minor"),
        (["F#m", "Bm", "C#", "F#m"], "F# minor"),
        (["D#", "A#", "Cm", "G#"], "D# major"),
        (["Em", "C", "D", "Em"], "E minor"),
    ],
)
def test_the_key_is_the_one_the_chords_belong_to(progression, key):
    found = harmony_of(played(progression * 2))

    assert str(found.key.key) == key
    assert found.key.candidates[0].key == found.key.key
    assert 0 < found.key.confidence <= 1


@pytest.mark.parametrize("cents", [-40, 40])
def test_detuning_changes_neither_key_nor_chords(cents):
    found = harmony_of(played(["G", "D", "Em", "C"] * 2, cents=cents))

    assert found.key.key.short == "G"
    assert {chord.symbol for chord in found.chords} == {"G", "D", "Em", "C"}


def test_chords_follow_one_another_from_start_to_end():
    found = harmony_of(played(["C", "A#", "F", "Gm"]))

    assert found.chords[0].start_s == 0
    assert found.chords[-1].end_s == pytest.approx(8, abs=0.1)
    for before, after in zip(found.chords, found.chords[1:], strict=False):
        assert before.end_s == after.start_s


def test_changes_are_found_within_two_tenths_of_a_second():
    found = harmony_of(played(["C", "F", "G", "Am"]))

    assert [chord.symbol for chord in found.chords] == ["C", "F", "G", "Am"]
    starts = [chord.start_s for chord in found.chords]
    np.testing.assert_allclose(starts, [0, 2, 4, 6], atol=0.2)


@pytest.mark.parametrize("symbol", ["G7", "Cmaj7", "Dm7"])
def test_sevenths_are_told_from_triads(symbol):
    found = harmony_of(played([symbol], seconds=4))

    assert [chord.symbol for chord in found.chords] == [symbol]


def test_a_song_that_moves_up_a_semitone_for_good_modulates():
    song = played(["C", "F", "G", "C"] * 3 + ["C#", "F#", "G#", "C#"] * 3)

    spans = harmony_of(song).key.spans

    assert [str(span.key) for span in spans] == ["C major", "C# major"]
    assert spans[1].start_s == pytest.approx(24, abs=2.5)


def _noise(kind):
    noise = np.random.default_rng(3).normal(0, 0.1, 8 * RATE)
    return {
        "white noise": noise,
        "brown noise": np.cumsum(noise) * 1e-3,
        "silence": np.zeros(10 * RATE),
        "a constant": np.full(10 * RATE, 0.7),
        "NaN": np.full(10 * RATE, np.nan),
        "clicks": (np.arange(10 * RATE) % 11_025 == 0).astype(float),
        "nothing": np.zeros(0),
        "click": np.ones(1),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    ["white noise", "brown noise", "silence", "a constant", "NaN", "clicks", "nothing", "click"],
)
def test_what_is_no_music_has_no_key(kind):
    found = harmony_of(_noise(kind))

    assert found.key.key is None
    assert found.key.confidence == 0
    assert {chord.symbol for chord in found.chords} <= {"N.C."}


def test_infinities_in_a_song_do_not_spread():
    song = played(["C", "F", "G", "C"] * 2)
    song[5000:5100] = np.inf

    assert harmony_of(song).key.key.name == "C major"
