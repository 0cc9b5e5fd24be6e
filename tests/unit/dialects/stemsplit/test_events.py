"""The bodies of webhook deliveries."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
import stemsplit_python

from stemwright.dialects.stemsplit.webhooks import EventRenderer
from support.finished_jobs import KINDS, completed_job, failed_job

NOW = datetime(2030, 2, 1, 9, 2, tzinfo=UTC)


class Addresses:
    def download_url(self, key, *, base_url, expires_at, file_name, content_type):
        return f"{base_url}/{key}"


def render(job, event="job.completed"):
    make = EventRenderer(Addresses(), "https://host", timedelta(hours=1), lambda: NOW)
    return make(job, event)


def parsed(body):
    """As the official client reads it, signature and all."""
    raw = json.dumps(body).encode()
    signature = hmac.new(b"whsec_1", raw, hashlib.sha256).hexdigest()
    return stemsplit_python.webhooks.verify_and_parse(
        payload=raw, signature=f"sha256={signature}", secret="whsec_1"
    )


def test_completed_event_tells_of_the_job_and_its_files():
    event = parsed(render(completed_job()))

    assert (event.event, event.data.job_id, event.data.type) == ("job.completed", "job_1", "stem")
    assert (event.data.status, event.data.credits_charged) == ("COMPLETED", 204)
    assert event.timestamp == NOW
    assert event.data.outputs.vocals.url == "https://host/jobs/job_1/1/vocals.mp3"
    assert event.data.outputs.vocals.expires_at == NOW + timedelta(hours=1)
    assert event.data.input.file_name == "demo.wav"


def test_failed_event_says_why_and_has_no_files():
    event = parsed(render(failed_job(), "job.failed"))

    assert event.data.error_message == "demo.wav is no audio."
    assert (event.data.status, event.data.outputs) == ("FAILED", None)


def test_the_id_of_the_job_stands_wherever_a_client_looks_for_it():
    body = render(completed_job())

    assert body["jobId"] == body["data"]["jobId"] == body["data"]["id"] == "job_1"


def test_youtube_event_names_its_type_and_its_video():
    data = render(completed_job("youtube"))["data"]

    assert data["type"] == "youtube"
    assert data["input"]["videoId"] == "aBcDeF12345"
    assert data["input"]["youtubeUrl"] == "https://youtu.be/aBcDeF12345"
    assert data["options"] == {"outputType": "BOTH", "quality": "BEST", "outputFormat": "MP3"}


@pytest.mark.parametrize("kind", ["soundcloud", "denoise"])
def test_kinds_that_a_client_does_not_know_have_no_type(kind):
    assert "type" not in render(completed_job(kind))["data"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_official_client_reads_events_of_every_kind(kind):
    assert parsed(render(completed_job(kind))).data.status == "COMPLETED"
    assert parsed(render(failed_job(kind), "job.failed")).data.status == "FAILED"


def test_metadata_travels_along():
    assert render(completed_job())["data"]["metadata"] == {"order": 7}
