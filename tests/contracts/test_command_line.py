import re
from pathlib import Path

from stemwright import errors

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_every_exit_status_is_in_the_reference():
    found = [errors.StemwrightError]
    for known in found:
        found += known.__subclasses__()
    rows = re.findall(r"^\| (\d+) \|", REFERENCE.read_text("utf-8"), re.MULTILINE)

    assert {known.exit_code for known in found} <= set(map(int, rows))
