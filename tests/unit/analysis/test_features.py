import pytest

from stemwright.analysis.features import CONTRACT_FEATURES, FEATURES, parse_features
from stemwright.errors import OptionError


def test_all_means_the_contracts_features_and_our_own():
    assert parse_features(["all"]) == set(FEATURES)
    assert set(CONTRACT_FEATURES) < set(FEATURES)


def test_case_and_blanks_do_not_matter():
    assert parse_features([" Tempo", "KEY "]) == {"tempo", "key"}


@pytest.mark.parametrize("names", [["tempo", "mood"], [""], []])
def test_an_unknown_or_missing_name_is_an_error_that_lists_the_known(names):
    with pytest.raises(OptionError, match="spectral"):
        parse_features(names)
