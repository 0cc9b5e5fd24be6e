"""Features as clients name them."""

import pytest

from stemwright.errors import InvalidFeatures
from stemwright.features.analyses.wanted import wanted_features

ALL = ("tempo", "key", "energy", "spectral", "mfcc", "chroma")


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        (None, ALL[:4]),
        (["all"], ALL),
        (["chroma", "tempo", "chroma"], ("tempo", "chroma")),
        (["key", "all"], ALL),
    ],
)
def test_features_come_in_one_order_and_once(named, meant):
    assert wanted_features(named) == meant


@pytest.mark.parametrize(("word", "meant"), [("full", ALL), ("key", ("key",))])
def test_one_word_stands_for_a_list(word, meant):
    assert wanted_features(None, word) == meant


@pytest.mark.parametrize("named", [[], ["Tempo"], ["tempo", ""], ["beats"]])
def test_what_is_no_feature_is_refused(named):
    with pytest.raises(InvalidFeatures, match="tempo, key, energy, spectral, mfcc, chroma, all"):
        wanted_features(named)


def test_a_word_that_stands_for_nothing_is_refused():
    with pytest.raises(InvalidFeatures, match="loops"):
        wanted_features(None, "loops")
