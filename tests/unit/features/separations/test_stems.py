import pytest

from stemwright.engine.catalog import MODELS
from stemwright.errors import OptionError, UnknownStem
from stemwright.features.separations.stems import resolve_stems

HTDEMUCS = MODELS["htdemucs"]


@pytest.mark.parametrize(
    ("request_", "stems"),
    [
        (None, ("drums", "bass", "other", "vocals")),
        ("4", ("drums", "bass", "other", "vocals")),
        ("2", ("vocals", "instrumental")),
        ("vocals", ("vocals",)),
        (" Vocals, drums ,vocals", ("drums", "vocals")),
        ("instrumental,bass", ("bass", "instrumental")),
    ],
)
def test_request_means_these_stems(request_, stems):
    assert resolve_stems(request_, HTDEMUCS) == stems


def test_unknown_stem_names_those_there_are():
    with pytest.raises(UnknownStem, match="'choir'; it has drums, bass, other, vocals, instrum"):
        resolve_stems("vocals,choir", HTDEMUCS)


def test_six_stems_of_a_four_stem_model_names_a_six_stem_model():
    with pytest.raises(UnknownStem, match="htdemucs_6s"):
        resolve_stems("6", HTDEMUCS)


@pytest.mark.parametrize("request_", ["", " , "])
def test_empty_request_is_refused(request_):
    with pytest.raises(OptionError, match="--stems is empty"):
        resolve_stems(request_, HTDEMUCS)
