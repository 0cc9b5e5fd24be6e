"""What the routes of this dialect call; ``entry`` builds it."""

from __future__ import annotations

from dataclasses import dataclass

from stemwright.features.analyses.service import Analyses
from stemwright.features.downloads.service import Downloads
from stemwright.features.exports.service import Exports
from stemwright.features.lalalai.service import Lalalai
from stemwright.features.mixes.service import Mixes
from stemwright.features.processing.service import Processing
from stemwright.features.tracks.lookups import Lookups
from stemwright.features.tracks.service import Tracks
from stemwright.jobs.service import Jobs
from stemwright.web.live import LiveConnections

from .account_services import AccountServices
from .callers import Callers
from .socket import JobTopics


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeServices:
    """Features and facts the routes need."""

    account: AccountServices
    callers: Callers
    jobs: Jobs
    tracks: Tracks
    lookups: Lookups
    downloads: Downloads
    processing: Processing
    analyses: Analyses
    lalalai: Lalalai
    mixes: Mixes
    exports: Exports
    topics: JobTopics
    live: LiveConnections
