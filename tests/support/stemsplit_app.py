"""The StemSplit dialect on real features, in a real server; only what is far away is stood in for.

Jobs are accepted, kept and listed, and never run: a test ends them by hand.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.dialects.blobs.routes import BlobRoutes
from stemwright.dialects.stemsplit.app import create_app
from stemwright.dialects.stemsplit.errors import handle_errors, render
from stemwright.dialects.stemsplit.services import StemSplitServices
from stemwright.errors import (
    InvalidYoutubeUrl,
    NoAudioStream,
    SourceUrlUnreachable,
)
from stemwright.features.accounts.account import Principal
from stemwright.features.accounts.service import Accounts
from stemwright.features.credits.service import Credits
from stemwright.features.denoising.service import Denoising
from stemwright.features.imports.remote import RemoteFacts
from stemwright.features.imports.soundcloud import TrackFacts
from stemwright.features.imports.youtube import VideoFacts
from stemwright.features.intake.service import Intake
from stemwright.features.results.service import Results
from stemwright.features.separations.service import Separations
from stemwright.features.uploads.service import Uploads
from stemwright.features.webhooks.service import Webhooks
from stemwright.features.webhooks.signing import WebhookSecrets
from stemwright.jobs.job import Artefact, Job
from stemwright.jobs.service import Jobs, Outcome
from stemwright.kit.clock import utc_now
from stemwright.storage.local import LocalStorage
from stemwright.storage.signing import UrlSigner
from stemwright.web.edge import Edge, wrap
from stemwright.web.metrics import Metrics
from stemwright.web.ratelimits import caller_of
from stemwright.web.windows import Windows

from .task_queue import FakeTaskQueue

GRANT_S = 10_000
RATE_LIMIT = 60
VIDEO = "aBcDeF12345"


class FarAway:
    """Files, videos and tracks that are known without being anywhere."""

    def inspect(self, url: str, budget_s: float = 10.0) -> RemoteFacts:
        if "gone" in url:
            raise SourceUrlUnreachable("The address answered 404.")
        return RemoteFacts(url, "song.mp3", 3_000_000, 90.2, "audio/mpeg", None)

    def parse(self, url: str) -> str:
        if VIDEO not in url and "soundcloud.com/" not in url:
            raise InvalidYoutubeUrl(f"{url[:99]} is no video.")
        return VIDEO if VIDEO in url else url


class Videos(FarAway):
    def lookup(self, video_id: str) -> VideoFacts:
        return VideoFacts(
            video_id=video_id,
            video_title="A video",
            video_duration=181,
            video_thumbnail="https://i.example/1.jpg",
            channel_name="A channel",
        )


class Tracks(FarAway):
    def lookup(self, track: str) -> TrackFacts:
        return TrackFacts(
            track_id="77",
            track_title="A track",
            track_duration=95,
            track_duration_estimated=False,
            track_artwork=None,
            artist_name="An artist",
            soundcloud_url=track,
        )


def probe(path: Path, *, name: str) -> float:
    """Take four bytes for a second; a file of text is no song."""
    if path.read_bytes()[:4] == b"text":
        raise NoAudioStream(f"{name} holds no sound.")
    return path.stat().st_size / 4


class StemSplitBench:
    """A server, and its inside."""

    def __init__(self, folder: Path, *, rate_limit: int = RATE_LIMIT) -> None:
        self.database = Database(f"sqlite:///{folder / 'bench.db'}")
        Table.metadata.create_all(self.database.engine)
        signer = UrlSigner(b"secret")
        self.credits = Credits(metered=True, grant_s=GRANT_S)
        self.storage = LocalStorage(folder / "storage", signer)
        self.jobs = Jobs(self.database, FakeTaskQueue(utc_now))
        self.accounts = Accounts(self.database)
        uploads = Uploads(
            self.database, self.storage, signer, max_file_bytes=50 << 20, quota_bytes=1 << 30
        )
        secrets = WebhookSecrets(["secret"])
        webhooks = Webhooks(self.database, FakeTaskQueue(utc_now), secrets, lambda _url: None)
        intake = Intake(
            self.database,
            self.jobs,
            self.credits,
            uploads,
            self.storage,
            FarAway(),
            Videos(),
            Tracks(),
            probe,
            folder / "scratch",
        )
        self.services = StemSplitServices(
            database=self.database,
            accounts=self.accounts,
            credits=self.credits,
            uploads=uploads,
            separations=Separations(intake, webhooks, lambda model: model.name == "htdemucs"),
            denoising=Denoising(intake, webhooks, lambda _model: True),
            webhooks=webhooks,
            jobs=self.jobs,
            storage=self.storage,
        )
        self.api = create_app(self.services)
        blobs = BlobRoutes(self.storage, signer, uploads).routes()
        app = Starlette(routes=[Mount("/api/v1", self.api), *blobs])
        app.router.redirect_slashes = False
        handle_errors(app, lambda _path: set())
        self.app = wrap(
            app,
            Edge(
                metrics=Metrics(),
                windows=Windows(rate_limit),
                identify=lambda scope: caller_of(scope) if "/api/" in scope["path"] else None,
                render=render,
                unlimited=lambda scope: scope["method"] == "PUT",
            ),
        )
        self._numbers = itertools.count()

    def key(self, **account) -> str:
        """Open an account and make it a key."""
        email = f"user{next(self._numbers)}@example.com"
        user = self.accounts.create_user(email, **{"verified": True, **account})
        return self.accounts.create_key(user.id, "test")[1]

    def principal(self, key: str) -> Principal:
        return self.accounts.authenticate(f"Bearer {key}")

    def complete(self, job_id: str, names: tuple[str, ...]) -> Job:
        """End a job well, with a small file for each name."""
        job = self.jobs.begin(job_id)
        assert job is not None
        artefacts = tuple(
            Artefact(name, f"jobs/{job.id}/1/{name}.mp3", "audio/mpeg", 4) for name in names
        )
        for artefact in artefacts:
            with self.storage.writer(artefact.key, artefact.content_type) as writer:
                writer.write(b"song")
                writer.commit()
        assert self.jobs.complete(job, Outcome(artefacts, {"bpm": 98.5, "key_short": "F#m"}))
        return self.jobs.find(None, job_id)

    def expire(self) -> None:
        """Let two weeks pass, for the files of jobs."""
        later = utc_now() + timedelta(days=15)
        jobs = Jobs(self.database, FakeTaskQueue(utc_now), clock=lambda: later)
        jobs.expire(Results(self.storage).discard)

    def close(self) -> None:
        self.accounts.close()
        self.database.close()


def client(address: str, key: str | None = None) -> httpx.Client:
    """Speak to the API at an address, perhaps with a key."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=f"{address}/api/v1", headers=headers, trust_env=False)
