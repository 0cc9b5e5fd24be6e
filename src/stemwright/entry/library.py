"""The library's half of the service: what the Sound Forge API stands on, wired for one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stemwright.db.database import Database
from stemwright.engine.catalog import Model
from stemwright.features.accounts.service import Accounts
from stemwright.features.analyses.service import ANALYSIS, Analyses
from stemwright.features.analyses.tasks import AnalysisHandler
from stemwright.features.credits.service import Credits
from stemwright.features.downloads.chaining import Chain
from stemwright.features.downloads.service import DOWNLOAD, Downloads
from stemwright.features.downloads.tasks import FOLDER as SONGS
from stemwright.features.downloads.tasks import DownloadHandler
from stemwright.features.exports.service import Exports
from stemwright.features.intake.service import Intake
from stemwright.features.lalalai.api import LalalaiApi
from stemwright.features.lalalai.licences import LicenceKeys
from stemwright.features.lalalai.poller import Pollers
from stemwright.features.lalalai.service import ENGINE as LALALAI
from stemwright.features.lalalai.service import Lalalai
from stemwright.features.lalalai.split import Splitter
from stemwright.features.mixes.service import Mixes
from stemwright.features.processing.service import PROCESSING, Processing
from stemwright.features.processing.tasks import FOLDER as STEMS
from stemwright.features.processing.tasks import ProcessingHandler
from stemwright.features.results.service import Results
from stemwright.features.sessions.links import Links
from stemwright.features.sessions.mail import open_mailer
from stemwright.features.sessions.registration import Registration
from stemwright.features.sessions.service import Sessions
from stemwright.features.spotify.opening import SpotifyOptions, open_spotify
from stemwright.features.spotify.service import Spotify
from stemwright.features.tracks.lookups import Lookups
from stemwright.features.tracks.ordering import TrackJobs
from stemwright.features.tracks.service import Tracks
from stemwright.jobs.attempt import Handlers
from stemwright.jobs.children import ChildPool
from stemwright.jobs.service import JOB_QUEUE, Jobs
from stemwright.kit.sealing import Sealer
from stemwright.settings import Settings
from stemwright.storage.base import Storage
from stemwright.web.client import GuardedClient
from stemwright.web.client import Limits as ClientLimits

from .fetching import open_client
from .upkeep import Chores

LIGHT_QUEUE: Final = "jobs.light"
"""Downloads and analyses: they wait for other servers, or take seconds."""
REMOTE_QUEUE: Final = "jobs.remote"
"""Songs that lalal.ai separates, for hours at times, without this machine's processor."""
_SPLIT_SILENCE_S: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """The features about tracks and the people in a browser."""

    tracks: Tracks
    lookups: Lookups
    spotify: Spotify
    downloads: Downloads
    processing: Processing
    analyses: Analyses
    lalalai: Lalalai
    mixes: Mixes
    exports: Exports
    sessions: Sessions
    links: Links
    registration: Registration
    handlers: Handlers

    def chores(self) -> Chores:
        """What a worker does now and then."""
        chores: dict[str, Callable[[], object]] = {
            "replaced files": self.tracks.tidy,
            "sessions": self.sessions.sweep,
        }
        if self.spotify.links is not None:
            chores["spotify"] = self.spotify.links.sweep
        return chores


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the library is built on."""

    settings: Settings
    database: Database
    storage: Storage
    secret: bytes
    client: GuardedClient
    accounts: Accounts
    credits: Credits
    jobs: Jobs
    intake: Intake
    children: ChildPool
    light: ChildPool
    """Processes for what takes seconds; it shall not wait for a separation."""
    mixers: ChildPool
    """Processes for mixes, which take a minute where much is stretched."""
    is_installed: Callable[[Model], bool]
    site_url: str
    """Where links in messages lead."""


def open_library(ground: Ground) -> Library:
    """Wire it, and have it hear of jobs that end.

    Raises
    ------
    OptionError

    """
    settings, database, storage = ground.settings, ground.database, ground.storage
    tracks = Tracks(database, storage)
    track_jobs = TrackJobs(ground.jobs, ground.credits)
    spotify = open_spotify(spotify_options(settings), ground.client, database, ground.secret)
    lalalai, splitter = _lalalai(ground)
    downloads = Downloads(
        tracks, track_jobs, ground.intake, spotify, chains=settings.chain_downloads
    )
    processing = Processing(tracks, track_jobs, ground.is_installed, lalalai)
    analyses = Analyses(tracks, track_jobs)
    chain = Chain(tracks, processing, analyses)
    # the chain comes last: a stage begins with what the one before has left
    for feature in (downloads, processing, analyses, chain):
        ground.jobs.on_ended.append(feature.job_ended)
    ground.jobs.queue_of = queue_of
    sessions = Sessions(database, ground.accounts)
    mailer = open_mailer(
        settings.mail_url,
        settings.mail_from,
        public_url=settings.public_url,
        ca_file=settings.ca_file,
    )
    links = Links(database, ground.accounts, mailer, ground.site_url)
    return Library(
        tracks=tracks,
        lookups=Lookups(tracks, spotify),
        spotify=spotify,
        downloads=downloads,
        processing=processing,
        analyses=analyses,
        lalalai=lalalai,
        mixes=Mixes(tracks, storage, ground.mixers, ground.intake.scratch / "mixes"),
        exports=Exports(tracks, storage),
        sessions=sessions,
        links=links,
        registration=Registration(ground.accounts, links, settings.registration),
        handlers={
            DOWNLOAD: DownloadHandler(
                ground.intake,
                tracks,
                Results(storage, folder=SONGS),
                ground.light,
                ground.client,
            ),
            PROCESSING: ProcessingHandler(
                ground.intake,
                tracks,
                Results(storage, folder=STEMS),
                ground.children,
                lalalai,
                splitter,
            ),
            ANALYSIS: AnalysisHandler(ground.intake, tracks, ground.light),
        },
    )


def queue_of(kind: str, request: Mapping[str, Any]) -> str:
    """Which queue a job waits in."""
    if kind in {DOWNLOAD, ANALYSIS}:
        return LIGHT_QUEUE
    return REMOTE_QUEUE if request.get("engine") == LALALAI else JOB_QUEUE


def spotify_options(settings: Settings) -> SpotifyOptions:
    """What the operator set of Spotify."""
    return SpotifyOptions(
        client_id=settings.spotify_client_id,
        client_secret=settings.spotify_client_secret,
        api_url=settings.spotify_api_url,
        accounts_url=settings.spotify_accounts_url,
        proof_key=settings.spotify_pkce,
        keyless=settings.spotify_keyless,
    )


def _lalalai(ground: Ground) -> tuple[Lalalai, Splitter]:
    settings = ground.settings
    client = open_client(settings, ClientLimits(idle_s=_SPLIT_SILENCE_S))
    api = LalalaiApi(client, settings.lalalai_base_url)
    keys = LicenceKeys(
        ground.database,
        Sealer(ground.secret),
        system=settings.system_lalalai_activation_key,
        shared=settings.lalalai_api_key,
    )
    lalalai = Lalalai(
        ground.database,
        api,
        keys,
        ground.jobs,
        legacy_billing=settings.lalalai_legacy_billing,
        keep_remote=settings.lalalai_keep_remote,
    )
    return lalalai, Splitter(api, Pollers(api))
