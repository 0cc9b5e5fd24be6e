"""Denoising as jobs: a recording in, the same without its noise out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stemwright.engine.catalog import DENOISE_MODEL, Model
from stemwright.errors import WeightsMissing
from stemwright.features.accounts.account import Principal
from stemwright.features.intake.service import Intake, Wish
from stemwright.features.separations.orders import OutputFormat
from stemwright.features.webhooks.service import Webhooks
from stemwright.jobs.job import Idempotency, Job

DENOISE: Final = "denoise"
AUDIO: Final = "audio"
"""Name of the one file such a job leaves."""

_SECONDS_A_SECOND: Final = 0.1
_OVERHEAD_S: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DenoiseOrder:
    """An upload, or the file behind a URL; exactly one of the two."""

    output_format: OutputFormat = "MP3"
    upload_key: str | None = None
    source_url: str | None = None
    file_name: str | None = None
    metadata: Mapping[str, Any] | None = None
    callback_url: str | None = None
    idempotency: Idempotency | None = None


@dataclass(slots=True)
class Denoising:
    """Creates denoise jobs."""

    intake: Intake
    webhooks: Webhooks
    is_installed: Callable[[Model], bool]

    def create(self, principal: Principal, order: DenoiseOrder) -> Job:
        """Order a recording without its noise; errors as for a separation."""
        earlier = self.intake.jobs.replayed(principal.owner, order.idempotency)
        if earlier is not None:
            return earlier
        if not self.is_installed(DENOISE_MODEL):
            raise WeightsMissing(
                "The model that denoises is not installed on this server; its operator can "
                f"install it: stemwright models pull {DENOISE_MODEL.name}"
            )
        if order.callback_url is not None:
            self.webhooks.check_url(order.callback_url)
        wish = Wish(order.upload_key, order.source_url, order.file_name)
        taken = self.intake.take(principal.owner, wish)
        return self.intake.place(
            principal.owner,
            DENOISE,
            request={
                "source": dict(taken.source),
                "output_format": order.output_format,
                "metadata": None if order.metadata is None else dict(order.metadata),
                "callback_url": order.callback_url,
            },
            facts=taken.facts,
            cost=taken.cost,
            idempotency=order.idempotency,
            upload_key=order.upload_key,
        )

    def estimated_s(self, job: Job) -> int:
        """Guess how many seconds the work takes."""
        return _OVERHEAD_S + math.ceil(job.cost * _SECONDS_A_SECOND)
