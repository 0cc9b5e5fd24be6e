"""Decision records are numbered without gaps, shaped like the template and listed in the index."""

import re

import pytest

from support.repository import ROOT, read

FOLDER = ROOT / "docs" / "adr"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
HEADINGS = re.findall(r"^## .*$", read("docs/adr/0000-template.md"), re.MULTILINE)


def test_numbers_have_no_gaps_and_no_doubles():
    assert [int(record.name[:4]) for record in RECORDS] == list(range(len(RECORDS)))


def test_no_draft_is_left_unnumbered():
    assert list(FOLDER.glob("draft*")) == []


@pytest.mark.parametrize("record", RECORDS[1:], ids=lambda record: record.stem)
def test_a_record_has_the_headings_of_the_template(record):
    assert re.findall(r"^## .*$", record.read_text("utf-8"), re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("record", RECORDS[1:], ids=lambda record: record.stem)
def test_a_record_is_in_the_index_under_its_title(record):
    number, title = re.match(r"# (\d{4})\. (.*)", record.read_text("utf-8")).groups()
    assert f"| [{number}]({record.name}) | {title} |" in read("docs/adr/README.md")
