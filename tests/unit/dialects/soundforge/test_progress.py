"""Jobs in the words of this API."""

import json
from dataclasses import replace

import pytest

from stemwright.dialects.soundforge.progress import (
    Renderer,
    job_type,
    message_of,
    result_of,
    status_word,
)
from stemwright.jobs.events import JobEvent
from support.finished_jobs import completed_job, failed_job, queued_job

ALL = ("queued", "running", "completed", "failed", "cancelled", "expired")
WORDS = {"queued", "downloading", "processing", "completed", "failed"}


def rendered(job):
    update = Renderer()(JobEvent(job))
    return {message.event: json.loads(message.payload) for message in update.messages}


@pytest.mark.parametrize(
    ("kind", "status", "phase", "word"),
    [
        ("download", "queued", None, "queued"),
        ("download", "running", None, "downloading"),
        ("download", "running", "match", "downloading"),
        ("download", "running", "download", "downloading"),
        ("download", "running", "encode", "processing"),
        ("download", "running", "store", "processing"),
        ("processing", "running", "separate", "processing"),
        ("youtube", "running", "download", "downloading"),
        ("youtube", "running", "separate", "processing"),
        ("analysis", "running", "analyse", "processing"),
        ("analysis", "completed", None, "completed"),
        ("stems", "expired", None, "completed"),
        ("stems", "failed", None, "failed"),
        ("stems", "cancelled", None, "failed"),
    ],
)
def test_states_have_five_words(kind, status, phase, word):
    job = replace(queued_job(status=status, phase=phase), kind=kind)

    assert status_word(job) == word


@pytest.mark.parametrize("kind", ["stems", "denoise", "youtube", "soundcloud", "processing"])
def test_whatever_separates_is_processing(kind):
    assert job_type(replace(queued_job(), kind=kind)) == "processing"


@pytest.mark.parametrize("status", ALL)
@pytest.mark.parametrize("phase", [None, "separate", "a phase of tomorrow"])
def test_there_is_always_something_to_say(status, phase):
    assert message_of(queued_job(status=status, phase=phase))


@pytest.mark.parametrize("status", ALL)
def test_progress_comes_first_and_the_end_after_it(status):
    job = queued_job(status=status)
    names = list(rendered(job))

    assert names[0] == "job:progress"
    assert rendered(job)["job:progress"]["status"] in WORDS
    ends = {"completed": "job:completed", "failed": "job:failed"}
    assert names[1:] == [ends[it] for it in [status_word(job)] if it in ends]


def test_a_download_tells_where_its_file_is():
    made = {"output_path": "/files/downloads/1/a.mp3", "file_size": 7}
    job = replace(completed_job(result={**made, "more": 1}), kind="download")

    assert rendered(job)["job:completed"]["result"] == made


def test_an_analysis_is_told_without_its_features():
    job = replace(completed_job(result={"tempo": 98.5, "features": {}}), kind="analysis")

    assert result_of(job) == {"tempo": 98.5}


def test_a_separation_tells_its_stems_and_sizes():
    stems = [{"stem_type": it, "file_size": 1_000} for it in ("instrumental", "vocals")]

    assert result_of(completed_job()) == {"model": "htdemucs_ft", "stems": stems}


def test_the_records_of_a_library_are_told_as_they_are():
    made = {"model": "htdemucs", "stems": [{"id": "1", "stem_type": "vocals"}]}

    assert result_of(completed_job(result=made)) == made


def test_the_end_says_why_a_job_failed():
    assert rendered(failed_job())["job:failed"] == {
        "job_id": "job_1",
        "job_type": "processing",
        "track_id": "",
        "error": "demo.wav is no audio.",
        "status": "failed",
    }


def test_a_result_can_come_from_elsewhere():
    update = Renderer(lambda job: {"of": job.id})(JobEvent(completed_job()))

    assert json.loads(update.messages[1].payload)["result"] == {"of": "job_1"}


def test_an_event_is_rendered_once_for_all():
    asked = []
    render = Renderer(lambda job: asked.append(job) or {})
    event = JobEvent(completed_job())

    assert render(event) is render(event)
    assert len(asked) == 1


def test_progress_may_be_left_out_for_a_later_one_and_the_end_may_not():
    progress, end = Renderer()(JobEvent(completed_job())).messages

    assert (progress.is_state, end.is_state) == (True, False)
