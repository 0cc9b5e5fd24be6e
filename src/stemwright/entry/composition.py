"""All features of the service, wired for one process from the settings.

A host that answers requests and a worker are wired alike; what they start differs.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DatabaseError

import stemwright
from stemwright.db.database import Database
from stemwright.dialects.stemsplit.webhooks import EventRenderer
from stemwright.errors import ChildDied, UnreadableAudio
from stemwright.features.accounts.service import Accounts
from stemwright.features.credits.service import Credits
from stemwright.features.denoising.service import DENOISE, Denoising
from stemwright.features.denoising.tasks import DenoiseHandler
from stemwright.features.imports.extraction import ChildExtractor
from stemwright.features.imports.media import MediaLimits
from stemwright.features.imports.remote import RemoteFiles, RemoteLimits
from stemwright.features.imports.sites import SOUNDCLOUD as SOUNDCLOUD_SITE
from stemwright.features.imports.sites import YOUTUBE as YOUTUBE_SITE
from stemwright.features.imports.soundcloud import SoundCloud
from stemwright.features.imports.youtube import YouTube
from stemwright.features.intake.service import Intake
from stemwright.features.intake.songs import Limits as SongLimits
from stemwright.features.models.service import Models
from stemwright.features.results.service import Results
from stemwright.features.separations.service import SOUNDCLOUD, STEMS, YOUTUBE, Separations
from stemwright.features.separations.tasks import SeparationHandler
from stemwright.features.uploads.service import Uploads
from stemwright.features.webhooks.service import Webhooks
from stemwright.features.webhooks.signing import WebhookSecrets
from stemwright.features.webhooks.tasks import Courier
from stemwright.jobs.attempt import Handlers
from stemwright.jobs.children import ChildPool, TookTooLong
from stemwright.jobs.engine import migrate_engine
from stemwright.jobs.queue import DurableQueue
from stemwright.jobs.service import EndListener, Jobs, Payment
from stemwright.storage.base import Storage
from stemwright.storage.opening import open_storage
from stemwright.storage.signing import UrlSigner
from stemwright.web.client import GuardedClient
from stemwright.web.metrics import Metrics, QueueLength

from .child import PROBE
from .fetching import open_client
from .library import Ground, Library, open_library
from .model_supply import open_models
from .opening import accounts_in, credits_by, database_unavailable, open_database
from .secret import instance_secret
from .upkeep import Chores

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from stemwright.jobs.job import Job
    from stemwright.settings import Settings

_MIB: Final = 1 << 20
_PROBE_TIMEOUT_S: Final = 9.0
"""A create call answers in 10 s."""
_PROBE_MEMORY_MB: Final = 2_000
_PROBES: Final = 2
_LIGHT: Final = 2
_LEFT_OVERS_KEPT: Final = timedelta(days=2)
_MIXES: Final = 2
_LIGHT_MEMORY_MB: Final = 4_000
_CHILD_NICENESS: Final = 10
"""Requests are answered while songs are separated on every core."""
SCRATCH: Final = "scratch"
KINDS_WITH_WEBHOOKS: Final = frozenset({STEMS, YOUTUBE, SOUNDCLOUD, DENOISE})
"""Jobs of the StemSplit API, which alone has webhooks."""
_LONGEST_TRACK_S: Final = 900
"""Of SoundCloud, as the API that this one is compatible with has it."""


@dataclass(frozen=True, slots=True)
class Service:
    """One process's view of the whole."""

    settings: Settings
    database: Database
    storage: Storage
    signer: UrlSigner
    client: GuardedClient
    accounts: Accounts
    credits: Credits
    uploads: Uploads
    webhooks: Webhooks
    courier: Courier
    jobs: Jobs
    intake: Intake
    results: Results
    separations: Separations
    denoising: Denoising
    metrics: Metrics
    probes: ChildPool
    children: ChildPool
    light: ChildPool
    mixers: ChildPool
    library: Library
    models: Models
    secret: bytes = field(repr=False)
    handlers: Handlers

    def host_chores(self) -> Chores:
        """What every host does now and then, whatever it runs: for its own processes and disk."""
        return {
            "probes": self.probes.tidy,
            "mixers": self.mixers.tidy,
            "mixes": self.library.mixes.sweep,
            "left-overs": lambda: self.intake.sweep(_LEFT_OVERS_KEPT),
        }

    def close(self) -> None:
        """Let idle children go and give connections back."""
        for pool in (self.probes, self.children, self.light, self.mixers):
            pool.close()
        self.models.close()
        self.library.links.close()
        self.accounts.close()
        self.database.close()


def compose(settings: Settings) -> Service:
    """Open what the settings name, bring the tables up to date, and wire the features.

    Raises
    ------
    OptionError, DatabaseUnavailable, StorageError

    """
    database = open_database(settings)
    try:
        migrate_engine(database)
    except DatabaseError as error:
        database.close()
        raise database_unavailable(database, error) from error
    secret = instance_secret(settings)
    signer = UrlSigner(secret)
    storage = open_storage(
        settings.storage_url,
        signer=signer,
        public_endpoint=settings.storage_public_endpoint,
        ca_file=settings.ca_file,
    )
    metrics = Metrics(stemwright.__version__)
    tasks = DurableQueue(database)
    jobs = Jobs(database, tasks, retention=timedelta(days=settings.retention_days))
    ledger = credits_by(settings)
    accounts = accounts_in(database, ledger)
    client = open_client(settings)
    secrets = WebhookSecrets([secret])
    webhooks = Webhooks(database, tasks, secrets, client.check_name)
    uploads = Uploads(
        database,
        storage,
        signer,
        max_file_bytes=settings.max_upload_mb * _MIB,
        quota_bytes=settings.upload_quota_mb * _MIB,
        in_use=lambda session, keys: jobs.sources_in_use(session, "upload", keys),
    )
    probes = _children(settings, _PROBES, memory_mb=_PROBE_MEMORY_MB)
    children = _children(
        settings,
        settings.workers,
        memory_mb=0,
        changed=_Residents(metrics),
    )
    light = _children(settings, _LIGHT, memory_mb=_LIGHT_MEMORY_MB)
    mixers = _children(settings, _MIXES, memory_mb=_LIGHT_MEMORY_MB)
    probe = Probing(probes)
    scratch = settings.data_dir / SCRATCH
    intake = Intake(
        database,
        jobs,
        ledger,
        uploads,
        storage,
        _remote_files(settings, client, scratch, probe),
        *_media_sites(settings, client, scratch),
        probe,
        scratch,
        SongLimits(settings.min_song_s, settings.max_song_s),
    )
    results = Results(storage)
    models = open_models(settings, jobs)
    is_installed = models.store.usable

    separations = Separations(intake, webhooks, is_installed, models.choices.of)
    url_ttl = timedelta(seconds=settings.url_ttl_s)
    courier = Courier(
        database,
        tasks,
        client,
        secrets,
        EventRenderer(storage, base_url(settings), url_ttl),
        attempted=metrics.webhook_attempted,
    )
    jobs.pay = _paying(ledger)
    jobs.on_ended += [_refunding(ledger), _telling(webhooks)]
    jobs.on_requeued += [_holding(ledger)]
    metrics.watch_queue(lambda: _lengths(jobs))
    library = open_library(
        Ground(
            settings=settings,
            database=database,
            storage=storage,
            secret=secret,
            client=client,
            accounts=accounts,
            credits=ledger,
            jobs=jobs,
            intake=intake,
            children=children,
            light=light,
            mixers=mixers,
            is_installed=is_installed,
            site_url=base_url(settings),
        )
    )
    separating = SeparationHandler(
        intake, results, children, longest_s={SOUNDCLOUD: _LONGEST_TRACK_S}
    )
    return Service(
        settings=settings,
        database=database,
        storage=storage,
        signer=signer,
        client=client,
        accounts=accounts,
        credits=ledger,
        uploads=uploads,
        webhooks=webhooks,
        courier=courier,
        jobs=jobs,
        intake=intake,
        results=results,
        separations=separations,
        denoising=Denoising(intake, webhooks, is_installed),
        metrics=metrics,
        probes=probes,
        children=children,
        light=light,
        mixers=mixers,
        library=library,
        models=models,
        secret=secret,
        handlers={
            **library.handlers,
            STEMS: separating,
            YOUTUBE: separating,
            SOUNDCLOUD: separating,
            DENOISE: DenoiseHandler(intake, results, children),
        },
    )


def base_url(settings: Settings) -> str:
    """Where clients reach this service, as far as it can be known without a request."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.public_url or f"http://{host}:{settings.port}"


@dataclass(frozen=True, slots=True)
class Probing:
    """Measures files in child processes that are bounded in time and memory."""

    children: ChildPool

    def __call__(self, path: Path, *, name: str) -> float | None:
        """Length in seconds, counted where the file does not tell; None if that takes too long."""
        return self._probed(path, name, count=True)

    def header(self, path: Path) -> float | None:
        """Length in seconds that the file declares; the file may be a part of one."""
        return self._probed(path, "The file", count=False)

    def _probed(self, path: Path, name: str, *, count: bool) -> float | None:
        asked = {"song": str(path), "name": name, "count": count}
        try:
            found = self.children.ask(PROBE, asked, timeout_s=_PROBE_TIMEOUT_S)
        except TookTooLong:
            return None  # a slow moment of this machine, or a slow file; the job will show
        except ChildDied as error:
            raise UnreadableAudio(
                f"cannot read {name}: that takes more memory than a song needs, or crashes the "
                "decoder; convert it to wav, flac or mp3"
            ) from error
        seconds: float | None = found["duration_s"]
        return seconds


class _Residents:
    """Tells the metrics how many processes hold each model."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, held: Counter[str]) -> None:
        with self._lock:
            gained, lost, self._held = held - self._held, self._held - held, held
        for model in gained.elements():
            self._metrics.model_resident(model, resident=True)
        for model in lost.elements():
            self._metrics.model_resident(model, resident=False)


def _children(
    settings: Settings,
    size: int,
    *,
    memory_mb: int,
    changed: Callable[[Counter[str]], None] = lambda _held: None,
) -> ChildPool:
    return ChildPool(
        [sys.executable, "-m", "stemwright.entry.child", str(_CHILD_NICENESS), str(memory_mb)],
        {**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        size=size,
        idle_s=settings.model_idle_s,
        changed=changed,
    )


def _remote_files(
    settings: Settings, client: GuardedClient, scratch: Path, probe: Probing
) -> RemoteFiles:
    limits = RemoteLimits(
        max_bytes=settings.max_upload_mb * _MIB,
        min_duration_s=int(settings.min_song_s),
        max_duration_s=int(settings.max_song_s),
    )
    return RemoteFiles(client, scratch, probe.header, limits=limits)


def _media_sites(
    settings: Settings, client: GuardedClient, scratch: Path
) -> tuple[YouTube, SoundCloud]:
    extractor = ChildExtractor(
        networks=settings.allow_private_networks,
        cookies_file=settings.cookies_file,
        proxy=settings.proxy,
        cache=scratch / "extractor",
    )
    video, track = YOUTUBE_SITE, SOUNDCLOUD_SITE
    if settings.youtube_url_template:
        video = video.instead(video, settings.youtube_url_template)
    if settings.soundcloud_url_template:
        track = track.instead(track, settings.soundcloud_url_template)
    limits = MediaLimits(
        min_duration_s=int(settings.min_song_s),
        max_duration_s=int(settings.max_song_s),
        max_bytes=settings.max_video_mb * _MIB,
        download_s=settings.video_timeout_s,
    )
    of_tracks = replace(limits, max_duration_s=min(limits.max_duration_s, _LONGEST_TRACK_S))
    return (
        YouTube(extractor, site=video, limits=limits),
        SoundCloud(extractor, client, site=track, limits=of_tracks),
    )


def _paying(ledger: Credits) -> Payment:
    def pay(session: Session, job: Job) -> int:
        price = job.charged or 0
        charged = ledger.settle(session, job.owner, job.id, price)
        # unmetered nothing is charged; what is reported is what it would have been
        return charged if ledger.metered else price

    return pay


def _refunding(ledger: Credits) -> EndListener:
    def refund(session: Session, job: Job) -> None:
        if job.status != "completed":
            ledger.refund(session, job.owner, job.id)

    return refund


def _telling(webhooks: Webhooks) -> EndListener:
    def tell(session: Session, job: Job) -> None:
        if job.kind in KINDS_WITH_WEBHOOKS:
            webhooks.job_ended(session, job)

    return tell


def _holding(ledger: Credits) -> EndListener:
    def hold(session: Session, job: Job) -> None:
        ledger.hold(session, job.owner, job.id, job.cost)

    return hold


def _lengths(jobs: Jobs) -> Iterable[QueueLength]:
    return [QueueLength(kind, "queued", count, age_s) for kind, count, age_s in jobs.waiting()]
