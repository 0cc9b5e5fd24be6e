"""What people see while a model is fetched."""

import pytest

from stemwright.engine.sources import Phase, PullProgress
from stemwright.entry.pulling import watching


@pytest.fixture
def said(capsys):
    def said(*reports):
        with watching() as watch:
            for report in reports:
                watch(report)
        return capsys.readouterr().err.splitlines()

    return said


def download(done, **place):
    return PullProgress(Phase.DOWNLOADING, "the hub", done, 100_000_000, **place)


def test_a_download_is_told_by_quarters(said):
    lines = said(*(download(done * 1_000_000) for done in range(0, 101, 5)))
    assert lines == ["downloading the hub"] + [
        f"  {part}% ({part} of 100 MB)" for part in (25, 50, 75, 100)
    ]


def test_each_file_of_a_bag_is_named_and_counted_from_its_start(said):
    lines = said(*(download(100_000_000, file=place, files=2) for place in (1, 2)))
    assert lines == [
        "downloading the hub, file 1 of 2",
        "  100% (100 of 100 MB)",
        "downloading the hub, file 2 of 2",
        "  100% (100 of 100 MB)",
    ]


def test_a_quiet_pull_says_nothing(capsys):
    with watching(quiet=True) as watch:
        watch(download(5))
    assert capsys.readouterr().err == ""
