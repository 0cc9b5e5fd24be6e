"""The StemSplit API as a test uses it that is about something else than the API."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from support.live_server import Service, wait_until
from support.media import write_pcm
from support.reference_song import RATE, reference_song

ENDED = {"COMPLETED", "FAILED", "EXPIRED"}


def short_song(path: Path, seconds: float = 6.0) -> Path:
    """Write a song as short as the service takes."""
    block = np.tile(reference_song(), 1 + int(seconds // 20))[:, : round(seconds * RATE)]
    return write_pcm(path, block, RATE)


@dataclass
class StemJobs:
    """One account's view of a running service."""

    service: Service
    key: str

    @classmethod
    def of(cls, service: Service) -> StemJobs:
        return cls(service, service.run("keys", "create", "test").strip())

    def client(self) -> httpx.Client:
        return self.service.client(headers={"Authorization": f"Bearer {self.key}"})

    def upload(self, song: Path) -> str:
        with self.client() as client:
            ticket = client.post("/api/v1/upload", json={"filename": song.name}).json()
        answer = httpx.put(ticket["uploadUrl"], content=song.read_bytes(), trust_env=False)
        answer.raise_for_status()
        key: str = ticket["uploadKey"]
        return key

    def create(self, upload_key: str, **order: Any) -> dict[str, Any]:
        body = {"uploadKey": upload_key, "quality": "FAST", "outputFormat": "WAV", **order}
        with self.client() as client:
            answer = client.post("/api/v1/jobs", json=body)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def get(self, job_id: str) -> dict[str, Any]:
        with self.client() as client:
            answer = client.get(f"/api/v1/jobs/{job_id}")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def ended(self, job_id: str, patience_s: float = 120.0) -> dict[str, Any]:
        """Wait until a job has ended."""
        seen: list[dict[str, Any]] = []

        def look() -> bool:
            seen.append(self.get(job_id))
            return seen[-1]["status"] in ENDED

        wait_until(look, f"the end of {job_id}", patience_s=patience_s)
        return seen[-1]

    def download(self, url: str) -> bytes:
        answer = httpx.get(url, trust_env=False, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.content

    def balance(self) -> int:
        with self.client() as client:
            seconds: int = client.get("/api/v1/balance").json()["balanceSeconds"]
        return seconds


def attempts(data_dir: Path, job_id: str) -> int:
    """How often a job was begun."""
    with sqlite3.connect(data_dir / "stemwright.sqlite3") as database:
        (count,) = database.execute("SELECT attempt FROM jobs WHERE id = ?", (job_id,)).fetchone()
    database.close()
    return int(count)
