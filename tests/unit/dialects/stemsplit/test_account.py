"""How a balance is spoken."""

import pytest

from stemwright.dialects.stemsplit.account import spoken


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (119, "1 minute"),
        (120, "2 minutes"),
        (3600, "60 minutes"),
    ],
)
def test_a_balance_is_told_in_seconds_or_whole_minutes(seconds, words):
    assert spoken(seconds) == words
