"""What this dialect calls; ``entry`` builds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from stemwright.db.database import Database
from stemwright.features.accounts.service import Accounts
from stemwright.features.credits.service import Credits
from stemwright.features.denoising.service import Denoising
from stemwright.features.separations.service import Separations
from stemwright.features.uploads.service import Uploads
from stemwright.features.webhooks.service import Webhooks
from stemwright.jobs.service import Jobs
from stemwright.kit.clock import utc_now
from stemwright.storage.base import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class StemSplitServices:
    """Features and facts the routes need."""

    database: Database
    accounts: Accounts
    credits: Credits
    uploads: Uploads
    separations: Separations
    denoising: Denoising
    webhooks: Webhooks
    jobs: Jobs
    storage: Storage
    url_ttl: timedelta = timedelta(hours=1)
    """How long a download address works."""
    clock: Callable[[], datetime] = utc_now
