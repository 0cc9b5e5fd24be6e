"""What is sealed opens for its purpose, under its secret, unchanged, and not otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwright.errors import SealBroken
from stemwright.kit.sealing import Sealer

SECRET = b"a secret of the instance"
SEALER = Sealer(SECRET)


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_what_is_sealed_opens_for_the_same_purpose(text, purpose):
    sealed = SEALER.seal(text, purpose)
    assert Sealer(SECRET).open(sealed, purpose) == text
    assert sealed.isascii()
    assert len(text) < 8 or text not in sealed


def test_the_same_text_is_sealed_differently_each_time():
    assert SEALER.seal("token", "a") != SEALER.seal("token", "a")


@pytest.mark.parametrize(
    "sealed",
    ["", "x", "gAAAAA==", "é", pytest.param(SEALER.seal("token", "b"), id="for another purpose")],
)
def test_what_was_not_sealed_for_this_purpose_does_not_open(sealed):
    with pytest.raises(SealBroken):
        SEALER.open(sealed, "a")


def test_another_secret_opens_nothing():
    with pytest.raises(SealBroken, match="STEMWRIGHT_SECRET_KEY"):
        Sealer(SECRET[::-1]).open(SEALER.seal("token", "a"), "a")


def test_no_change_goes_unnoticed():
    sealed = SEALER.seal("token", "a")
    for place in range(0, len(sealed) - 2, 7):
        other = "A" if sealed[place] != "A" else "B"
        with pytest.raises(SealBroken):
            SEALER.open(sealed[:place] + other + sealed[place + 1 :], "a")


def test_a_secret_has_to_be_one():
    with pytest.raises(ValueError, match="too short"):
        Sealer(b"secret")
