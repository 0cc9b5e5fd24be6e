"""What a whole job leaves in the log: enough to follow it, and nothing to misuse."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from support.live_server import Service, wait_until
from support.stem_jobs import StemJobs, short_song
from support.webhook_receiver import WebhookReceiver

pytestmark = [pytest.mark.model, pytest.mark.slow]

SETTINGS = {
    "STEMWRIGHT_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
    "STEMWRIGHT_LOG_LEVEL": "debug",
    "STEMWRIGHT_RATE_LIMIT_PER_MINUTE": "100000",
}


def signature(url: str) -> str:
    return parse_qs(urlsplit(url).query)["signature"][0]


def test_a_job_can_be_followed_in_the_log_and_no_secret_found_in_it(tmp_path):
    song = short_song(tmp_path / "song.wav")
    with WebhookReceiver() as receiver, Service(tmp_path / "data", SETTINGS) as service:
        jobs = StemJobs.of(service)
        with jobs.client() as client:
            hook = client.post("/api/v1/webhooks", json={"url": receiver.url()}).json()
            ticket = client.post("/api/v1/upload", json={"filename": "song.wav"}).json()
            client.put(ticket["uploadUrl"], content=song.read_bytes()).raise_for_status()
            refused = client.get(ticket["uploadUrl"])
        job = jobs.ended(jobs.create(ticket["uploadKey"])["id"])
        output = job["outputs"]["vocals"]["url"]
        jobs.download(output)
        stranger = httpx.get(
            f"{service.url}/api/v1/balance?api_key={jobs.key}",
            headers={"Authorization": f"Bearer {jobs.key[:-4]}0000"},
            trust_env=False,
        )
        wait_until(lambda: bool(receiver.received), "the webhook")
        assert (job["status"], stranger.status_code) == ("COMPLETED", 401)
        assert refused.status_code >= 400
        service.terminate()
        log = service.log

    secrets = {
        "key": jobs.key,
        "webhook": hook["secret"],
        "instance": (tmp_path / "data" / "secret.key").read_text(),
        "upload": signature(ticket["uploadUrl"]),
        "download": signature(output),
    }
    assert [name for name, secret in secrets.items() if secret in log] == []
    assert re.findall(r"sk_live_\w{12,}|whsec_\w+|signature=(?!\*)[^\s\"]+", log) == []
    assert {"job begins", "job ends"} <= events_of(log, job["id"])


def events_of(log: str, job_id: str) -> set[str]:
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return {line["event"] for line in lines if line.get("job_id") == job_id}
