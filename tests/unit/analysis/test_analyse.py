"""The composition on synthetic songs; how right it is, the benchmark says."""

import json

import numpy as np
import pytest

from stemwright.analysis.analyse import analyse
from stemwright.analysis.document import MOST_FRAMES, document
from stemwright.analysis.sound import Sound
from stemwright.errors import Cancelled, OptionError
from support.signals import music, noise

RATE = 44_100


def told(samples, *features, **options):
    found = document(analyse(Sound.of_array(samples, RATE), features or ("all",), **options))
    return json.loads(json.dumps(found, allow_nan=False))


def test_the_contracts_values_have_their_names_and_shapes():
    found = told(music(12.0), "tempo", "key", "energy", "spectral", "mfcc", "chroma")
    assert found["tempo"] == pytest.approx(120, rel=0.04)
    assert found["key"] == "C major"
    assert 0 < found["energy"] < 1
    assert 0 < found["spectral_centroid"] < found["spectral_rolloff"] < 11_025
    assert len(found["features"]["mfcc"]) == 13
    assert len(found["features"]["chroma"]) == 12
    assert max(len(row) for row in found["features"]["mfcc"]) <= MOST_FRAMES


def test_what_was_not_asked_is_null_or_absent():
    found = told(music(4.0), "energy")
    assert found["energy"] is not None
    assert found["tempo"] is found["key"] is found["loudness"] is found["spectral_centroid"] is None
    assert not {"mfcc", "chroma", "beats"} & set(found["features"])


def test_what_was_only_needed_for_something_else_is_not_told():
    found = told(music(12.0), "chroma", "sections")
    assert found["tempo"] is found["key"] is None
    assert "chords" not in found
    assert found["sections"]
    assert "chroma" in found["features"]


BAD = {
    "shorter than a beat": np.full((2, 4000), 0.1),
    "one sample": np.ones((1, 1)),
    "nothing at all": np.zeros((2, 0)),
    "silence": np.zeros((2, 5 * RATE)),
    "direct current": np.full((1, 5 * RATE), 0.5),
    "not numbers": np.full((2, 3 * RATE), np.nan),
    "noise": noise(20 * RATE),
}


@pytest.mark.parametrize("samples", BAD.values(), ids=BAD)
def test_what_holds_no_music_gets_no_tempo_and_no_key_but_reasons(samples):
    found = told(samples)
    assert found["tempo"] is None
    assert found["key"] is None
    assert any(remark.startswith("no tempo") for remark in found["remarks"])
    assert any(remark.startswith("no key") for remark in found["remarks"])


def test_a_dead_channel_and_clipping_are_remarked_and_do_no_harm():
    song = np.clip(6 * music(12.0), -1, 1)
    song[1] = 0
    found = told(song, "tempo", "key")
    assert found["tempo"] == pytest.approx(120, rel=0.04)
    assert any("channel 2" in remark for remark in found["remarks"])
    assert any(remark.startswith("clipped") for remark in found["remarks"])


def test_stems_are_described_and_bleed_is_not_taken_for_music():
    drums = noise(12 * RATE) * np.exp(-30 * (np.arange(12 * RATE) / RATE % 0.5))
    other = music(12.0)
    song = drums + other
    stems = {"drums": drums, "bass": 1e-3 * other, "other": other, "vocals": 1e-3 * song}
    sounds = {name: Sound.of_array(stem, RATE) for name, stem in stems.items()}
    found = told(song, "tempo", "key", stems=sounds, listen_to="stems")
    empty = {name for name, it in found["stems"].items() if it["empty"]}
    assert empty == {"bass", "vocals"}
    assert found["stems"]["vocals"]["bleed_db"] == pytest.approx(-60, abs=1)
    assert found["sources"] == {"rhythm": "stems", "harmony": "stems"}


def test_without_drums_in_their_stem_the_rhythm_is_heard_in_the_mixture():
    song = music(6.0)
    sounds = {"drums": Sound.of_array(1e-4 * song, RATE), "other": Sound.of_array(song, RATE)}
    found = told(song, "tempo", stems=sounds, listen_to="stems")
    assert found["sources"]["rhythm"] == "mixture"


def test_stems_answer_where_the_mixture_does_not():
    song = music(12.0)
    drowned = song + noise(12 * RATE, level=0.5)
    sounds = {name: Sound.of_array(song, RATE) for name in ("drums", "other")}
    found = told(drowned, "tempo", stems=sounds)
    assert found["tempo"] == pytest.approx(120, rel=0.04)


def test_progress_covers_all_passes_and_cancelling_stops_them():
    told_fractions = []
    stems = {name: Sound.of_array(music(3.0), RATE) for name in ("drums", "other")}
    told(music(3.0), "tempo", stems=stems, progress=told_fractions.append)
    assert told_fractions == sorted(told_fractions)
    assert told_fractions[-1] <= 1.0
    with pytest.raises(Cancelled):
        told(music(3.0), "tempo", cancelled=lambda: True)


def test_an_unknown_feature_is_refused_before_anything_is_heard():
    with pytest.raises(OptionError, match="mood"):
        told(music(1.0), "mood")
