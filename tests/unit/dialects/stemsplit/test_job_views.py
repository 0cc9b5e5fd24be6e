"""A job in the words of the contract."""

from datetime import UTC, datetime

import pytest
from stemsplit_python import models

from stemwright.dialects.stemsplit import denoise, jobs, soundcloud, youtube
from stemwright.dialects.stemsplit.job_replies import (
    DenoiseJobCreated,
    SoundcloudJobCreated,
    StemJobCreated,
    YoutubeJobCreated,
)
from stemwright.dialects.stemsplit.job_routes import Paging, told_of_page
from stemwright.dialects.stemsplit.job_views import Links, told_as_created, told_of
from stemwright.jobs.job import Page
from support.finished_jobs import KINDS, OPTIONS, completed_job, failed_job, queued_job

SCHEMAS = {kind.KIND.name: kind.KIND for kind in (jobs, youtube, soundcloud, denoise)}
UNTIL = datetime(2030, 2, 1, 10, 5, tzinfo=UTC)


class Addresses:
    """A storage that only makes addresses."""

    def download_url(self, key, *, base_url, expires_at, file_name, content_type):
        return f"{base_url}/{key}?until={expires_at:%H%M}"


def detail(job):
    links = Links(Addresses(), "https://host", UNTIL)
    schema = SCHEMAS[job.kind].detail
    told = schema.model_validate(told_of(job) | {"outputs": links.outputs(job)})
    return told.model_dump(mode="json", by_alias=True)


def listed(*found, paging=None, total=None):
    page = Page(found, len(found) if total is None else total)
    schema = SCHEMAS[found[0].kind].list
    told = schema.model_validate(told_of_page(page, paging or Paging()))
    return told.model_dump(mode="json", by_alias=True)


def created(schema, job, **more):
    told = schema.model_validate(told_as_created(job, 75) | more)
    return told.model_dump(mode="json", by_alias=True)


def test_stem_job_detail_is_the_contracts_example():
    assert detail(completed_job()) == {
        "id": "job_1",
        "status": "COMPLETED",
        "progress": 100,
        "createdAt": "2030-02-01T09:00:00Z",
        "startedAt": "2030-02-01T09:00:00Z",
        "completedAt": "2030-02-01T09:01:20Z",
        "expiresAt": "2030-02-15T09:01:20Z",
        "input": {"fileName": "demo.wav", "durationSeconds": 204, "fileSizeBytes": 36_000_044},
        "options": {"outputType": "BOTH", "quality": "BEST", "outputFormat": "MP3"},
        "audioMetadata": {"bpm": 98.5, "key": "F#m"},
        "model": "htdemucs_ft",
        "outputs": {
            "vocals": {
                "url": "https://host/jobs/job_1/1/vocals.mp3?until=1005",
                "expiresAt": "2030-02-01T10:05:00Z",
            },
            "instrumental": {
                "url": "https://host/jobs/job_1/1/instrumental.mp3?until=1005",
                "expiresAt": "2030-02-01T10:05:00Z",
            },
        },
        "creditsRequired": 204,
        "creditsCharged": 204,
        "errorMessage": None,
        "errorDetails": None,
        "metadata": {"order": 7},
    }


def test_stem_job_is_accepted_as_pending_with_its_price():
    assert created(StemJobCreated, queued_job()) == {
        "id": "job_1",
        "status": "PENDING",
        "progress": 0,
        "createdAt": "2030-02-01T09:00:00Z",
        "estimatedSeconds": 75,
        "creditsRequired": 204,
        "input": {"fileName": "demo.wav", "durationSeconds": 204, "fileSizeBytes": 36_000_044},
        "options": {"outputType": "BOTH", "quality": "BEST", "outputFormat": "MP3"},
        "outputs": None,
        "metadata": {"order": 7},
    }


def test_a_replayed_creation_reads_as_the_first_did():
    assert created(StemJobCreated, completed_job()) == created(StemJobCreated, queued_job())


@pytest.mark.parametrize(
    ("kind", "schema", "more"),
    [
        ("denoise", DenoiseJobCreated, {}),
        ("youtube", YoutubeJobCreated, {"outputs": ("vocals", "instrumental")}),
        ("soundcloud", SoundcloudJobCreated, {"outputs": ("vocals", "instrumental")}),
    ],
)
def test_the_other_kinds_are_accepted_with_what_is_known_of_them(kind, schema, more):
    told = created(schema, queued_job(kind), **more)

    assert (told["status"], told["progress"], told["creditsRequired"]) == ("PENDING", 0, 204)
    assert told["outputs"] == (list(more["outputs"]) if more else None)
    expected = {"denoise": "input", "youtube": "channelId", "soundcloud": "trackDurationEstimated"}
    assert expected[kind] in told


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_in_the_order_of_the_contract_and_of_its_names_only(kind):
    names = ("waveform", *reversed(list(detail(completed_job(kind))["outputs"])))
    told = detail(completed_job(kind, names=names))

    assert list(told["outputs"]) == list(reversed(names))[:-1]


@pytest.mark.parametrize(
    ("output_type", "names"),
    [
        ("VOCALS", ["vocals"]),
        ("FOUR_STEMS", ["vocals", "drums", "bass", "other"]),
        ("SIX_STEMS", ["vocals", "drums", "bass", "other", "piano", "guitar"]),
    ],
)
def test_outputs_are_those_of_the_output_type(output_type, names):
    left = (*sorted(names), "instrumental")
    request = {**OPTIONS, "output_type": output_type}

    assert list(detail(completed_job(names=left, request=request))["outputs"]) == names


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", ["queued", "running", "failed", "cancelled", "expired"])
def test_only_a_completed_job_has_outputs(kind, status):
    assert detail(completed_job(kind, status=status))["outputs"] is None


def test_a_cancelled_job_has_failed_and_says_so():
    told = detail(failed_job(status="cancelled", error_code=None, error_message=None))

    assert (told["status"], told["progress"], told["creditsCharged"]) == ("FAILED", 40, 0)
    assert told["errorMessage"]


def test_a_failed_job_names_the_contracts_code():
    told = detail(failed_job())

    assert told["errorMessage"] == "demo.wav is no audio."
    assert told["errorDetails"] == "UNSUPPORTED_FORMAT"


def test_a_failure_left_over_from_an_earlier_attempt_is_not_told():
    told = detail(completed_job(error_code="input.unreadable", error_message="no audio"))

    assert (told["errorMessage"], told["errorDetails"]) == (None, None)


def test_fractions_of_seconds_are_rounded_up():
    told = detail(
        completed_job("youtube", facts={**completed_job("youtube").facts, "video_duration": 180.2})
    )

    assert told["videoDuration"] == 181


def test_unknown_length_is_null():
    facts = {"file_name": "x.mp3", "duration_s": None, "size_bytes": None}

    assert detail(queued_job(facts=facts))["input"]["durationSeconds"] is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [queued_job, completed_job, failed_job])
def test_the_official_models_read_every_job(kind, make):
    schema = models.YouTubeJob if kind == "youtube" else models.Job
    job = schema.model_validate(detail(make(kind)))

    assert job.id == "job_1"
    if kind != "denoise" and job.outputs:
        assert set(job.outputs.as_dict()) <= {"full_audio", "vocals", "instrumental"}


@pytest.mark.parametrize("kind", KINDS)
def test_lists_leave_out_what_only_the_job_itself_tells(kind):
    told = listed(completed_job(kind))["jobs"][0]

    assert {"id", "status", "progress", "createdAt", "completedAt"} <= set(told)
    assert {"creditsCharged", "errorMessage"} <= set(told)
    assert not {"outputs", "audioMetadata", "expiresAt", "facts"} & set(told)


def test_the_official_models_read_every_list():
    assert models.JobListResponse.model_validate(listed(completed_job(), failed_job())).jobs
    assert models.YouTubeJobListResponse.model_validate(listed(queued_job("youtube"))).jobs


@pytest.mark.parametrize(("offset", "total", "more"), [(0, 3, True), (2, 3, False), (0, 1, False)])
def test_there_is_more_while_the_page_does_not_reach_the_end(offset, total, more):
    told = listed(queued_job(), paging=Paging(limit=1, offset=offset), total=total)

    assert told["pagination"] == {"total": total, "limit": 1, "offset": offset, "hasMore": more}


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({}, (20, 0)),
        ({"limit": "", "offset": ""}, (20, 0)),
        ({"limit": "0", "offset": "-4"}, (1, 0)),
        ({"limit": "101", "offset": str(10**30)}, (100, 2**31 - 1)),
    ],
)
def test_paging_out_of_range_is_brought_into_range(sent, meant):
    paging = Paging.model_validate(sent)

    assert (paging.most, paging.first) == meant


def test_a_status_of_the_contract_may_be_several_of_ours():
    assert Paging.model_validate({"status": "failed"}).statuses == ("failed", "cancelled")
    assert Paging.model_validate({"status": ""}).statuses is None
