import json
from datetime import UTC, datetime, timedelta

from stemwright.features.webhooks.snapshot import keep, restore
from stemwright.jobs.job import Artefact, Job

ENDED = datetime(2030, 2, 1, 9, 1, 20, 123456, tzinfo=UTC)
JOB = Job(
    id="job_1",
    kind="stems",
    owner="usr_1",
    status="completed",
    progress=100,
    phase=None,
    request={"output_type": "BOTH", "metadata": {"order": [1, None, "ü"]}},
    facts={"file_name": "demo.wav"},
    result=None,
    attempt=2,
    cost=204,
    charged=204,
    error_code=None,
    error_message=None,
    created_at=ENDED - timedelta(minutes=2),
    started_at=None,
    completed_at=ENDED,
    expires_at=ENDED + timedelta(days=14),
    artefacts=(Artefact("vocals", "jobs/job_1/2/vocals.mp3", "audio/mpeg", 9),),
)


def test_a_job_comes_back_from_json_as_it_was():
    assert restore(json.loads(json.dumps(keep(JOB))), ENDED) == JOB


def test_a_job_whose_files_are_gone_comes_back_expired():
    job = restore(keep(JOB), ENDED + timedelta(days=15))
    assert (job.status, job.artefacts) == ("expired", ())


def test_fields_that_a_later_version_drops_do_no_harm():
    assert restore({**keep(JOB), "colour": "green"}, ENDED) == JOB
