"""``from stemwright import Separator``, as the README shows it."""

import numpy as np
import pytest
import soundfile

from stemwright import Separator
from stemwright.errors import OptionError, UnknownModel
from support.reference import installed_weights
from support.signals import music

RATE = 44_100


@pytest.mark.model
@pytest.mark.slow
def test_arrays_and_files_are_separated_by_a_model_named(tmp_path):
    installed_weights()
    mixture = music(3)
    song = tmp_path / "song.wav"
    soundfile.write(song, mixture.T, RATE, subtype="PCM_16")
    reports = []

    with Separator("htdemucs", quality="fast", download=False) as separator:
        stems = separator.separate(mixture, RATE)
        files = separator.separate_file(song, tmp_path / "out", stems="2", progress=reports.append)

    assert set(stems) == set(separator.stems) == {"drums", "bass", "other", "vocals"}
    assert {stem.shape for stem in stems.values()} == {mixture.shape}
    assert sorted(files) == ["instrumental", "vocals"]
    assert reports[-1].fraction == 1
    vocals, instrumental = (
        soundfile.read(files[each], dtype="int16")[0] for each in ("vocals", "instrumental")
    )
    np.testing.assert_array_equal(vocals + instrumental, soundfile.read(song, dtype="int16")[0])


def test_an_unknown_model_is_refused_before_anything_is_loaded():
    with pytest.raises(UnknownModel, match="htdemucs"):
        Separator("htdemuks", download=False)


def test_an_unknown_quality_is_refused():
    with pytest.raises(OptionError, match="fast, balanced, best"):
        Separator(quality="turbo", download=False)
