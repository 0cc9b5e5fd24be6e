import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from stemwright.entry.live import LiveReport
from stemwright.entry.reports import (
    JsonReport,
    PlainReport,
    QuietReport,
    clock_text,
    describe_error,
    outcome_line,
)
from stemwright.errors import EmptyAudio
from stemwright.features.separations.batch import Outcome

STEMS = {stem: Path(f"out/song/{stem}.wav") for stem in ("bass", "vocals")}
DONE = Outcome(Path("song.wav"), "done", STEMS, duration_s=60.0, seconds=10.0)
FAILED = Outcome(Path("song.wav"), "failed", error=EmptyAudio("song.wav holds no sound"))


def progress(fraction):
    return SimpleNamespace(fraction=fraction, seconds_done=1.0, seconds_total=9.0, eta_s=61.0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (61, "1:01"), (3599.6, "1:00:00"), (7325, "2:02:05")]
)
def test_durations_read_like_a_clock(seconds, text):
    assert clock_text(seconds) == text


def test_json_report_writes_one_line_that_parses(capsys):
    JsonReport("htdemucs", "best").ended(DONE)
    written = capsys.readouterr().out

    assert written.count("\n") == 1
    assert json.loads(written) == {
        "file": "song.wav",
        "status": "done",
        "stems": {"bass": "out/song/bass.wav", "vocals": "out/song/vocals.wav"},
        "model": "htdemucs",
        "quality": "best",
        "duration_s": 60.0,
        "seconds": 10.0,
        "realtime_factor": 6.0,
        "error": None,
    }


def test_quiet_report_says_only_errors(capsys):
    report = QuietReport()
    report.started(Path("song.wav"), 1, 1)
    report.advanced(progress(0.5))
    report.ended(DONE)
    report.ended(FAILED)
    said = capsys.readouterr()

    assert (said.out, said.err) == ("", "error: song.wav holds no sound\n")


def test_plain_report_says_every_tenth_once():
    stream = io.StringIO()
    report = PlainReport(stream)
    report.started(Path("song.wav"), 2, 3)
    for step in range(101):
        report.advanced(progress(step / 100))
    report.ended(DONE)
    lines = stream.getvalue().splitlines()

    assert lines[0] == "[2/3] song.wav: reading"
    assert len(lines) == 11
    assert "6.0 times realtime" in lines[-1]


def test_live_report_leaves_a_line_for_each_song():
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    report = LiveReport(console)
    with report.live():
        for number, outcome in enumerate((DONE, FAILED), 1):
            report.started(Path("[red]song.wav"), number, 2)
            report.advanced(progress(0.5))
            report.ended(outcome)
        report.note("a note [bold]")
    shown = console.file.getvalue()

    assert "6.0 times realtime" in shown
    assert "song.wav holds no sound" in shown
    assert "a note [bold]" in shown
    assert "[red]song.wav" in shown


def test_stems_in_one_folder_are_named_by_it_others_one_by_one():
    scattered = {"bass": Path("bass/a.wav"), "vocals": Path("vocals/a.wav")}

    assert outcome_line(DONE).endswith("in out/song/")
    assert outcome_line(Outcome(Path("a.wav"), "skipped", scattered)).count(".wav") == 3


def test_defect_is_told_apart_from_an_error_of_ours():
    assert describe_error(EmptyAudio("a.wav is empty")) == "a.wav is empty"
    assert "STEMWRIGHT_DEBUG=1" in describe_error(KeyError("x"))
