"""The composed service in this process: jobs are created, and run here when a test says so.

Real are database, storage, credits, downloads, media sites and child processes; the networks in
the children are stand-ins, and a job's two parts are called without the engine.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stemwright.entry.composition import compose
from stemwright.features.accounts.account import Principal
from stemwright.jobs.job import Job
from stemwright.jobs.runner import JobRunner
from stemwright.kit.clock import utc_now
from stemwright.settings import Settings

from .media_site import MediaSite
from .task_queue import FakeTaskQueue

GRANT_S = 1_000
MOST_S = 30.0
"""Longest song here."""


def called(_name: str, part: Callable[..., Any], *args: Any) -> Any:
    """Run a part of a job; what it answers goes through JSON, as the engine keeps it."""
    return json.loads(json.dumps(part(*args)))


class SongJobs:
    """A service, and what tests of jobs do with it. Close it after use."""

    def __init__(self, folder: Path, site: MediaSite) -> None:
        settings = {
            "HOME": str(folder),
            "STEMWRIGHT_DATA_DIR": str(folder / "data"),
            "STEMWRIGHT_CREDITS": "metered",
            "STEMWRIGHT_CREDITS_GRANT_S": str(GRANT_S),
            "STEMWRIGHT_MAX_SONG_S": f"{MOST_S:g}",
            "STEMWRIGHT_MAX_UPLOAD_MB": "20",
            "STEMWRIGHT_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
            "STEMWRIGHT_YOUTUBE_URL_TEMPLATE": site.youtube_url_template,
            "STEMWRIGHT_SOUNDCLOUD_URL_TEMPLATE": site.soundcloud_url_template,
        }
        self.service = service = compose(Settings.load(settings))
        service.jobs.tasks = FakeTaskQueue(utc_now)
        service.children.command = [sys.executable, "-m", "support.gain_child"]
        service.children.environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        for feature in (service.separations, service.denoising):
            feature.is_installed = lambda model: model.name in {"htdemucs", "deepfilternet3"}
        self.runner = JobRunner(service.jobs, service.handlers, step=called)
        self.scratch: Path = service.intake.scratch
        self._numbers = itertools.count()

    def account(self) -> Principal:
        user = self.service.accounts.create_user(f"user{next(self._numbers)}@example.com")
        return Principal(user.id, None, user.email, is_admin=False)

    def upload(self, principal: Principal, song: Path, name: str | None = None) -> str:
        uploads = self.service.uploads
        ticket = uploads.create(principal.owner, name or song.name, None, "http://here")
        self.send(ticket.upload_key, song)
        return ticket.upload_key

    def send(self, upload_key: str, song: Path) -> None:
        """Send the file of an upload, which may be done again until a job has it."""
        with self.service.uploads.receive(upload_key, song.stat().st_size) as receiving:
            receiving.write(song.read_bytes())
            receiving.finish()

    def run(self, job: Job) -> Job:
        """Run a job to its end, whatever that is."""
        self.runner(job.id)
        return self.now(job)

    def now(self, job: Job) -> Job:
        return self.service.jobs.find(None, job.id)

    def balance(self, principal: Principal) -> int:
        with self.service.database.reading() as session:
            return self.service.credits.balance(session, principal.owner).seconds

    def jobs(self, principal: Principal) -> int:
        return self.service.jobs.page(principal.owner).total

    def stored(self, folder: str) -> set[str]:
        return {it.key for it in self.service.storage.list(folder)}

    def content(self, key: str) -> bytes:
        return b"".join(self.service.storage.read(key))

    def files(self, job: Job) -> dict[str, bytes]:
        return {it.name: self.content(it.key) for it in self.now(job).artefacts}

    def close(self) -> None:
        self.service.close()
