"""The models of a service: whoever runs it manages them, and what it lacks is fetched at its start.

Jobs whose model is not there are refused until it is.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from stemwright.engine.catalog import DENOISE_MODEL
from stemwright.errors import StemwrightError
from stemwright.features.models.service import Models
from stemwright.features.models.usage import JobUsage
from stemwright.jobs.children import ChildPool
from stemwright.kit import logs

from .pulling import licence_text
from .wiring import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stemwright.engine.model import Model
    from stemwright.jobs.service import Jobs
    from stemwright.settings import Settings

_NICENESS: Final = 10
_SILENCE_S: Final = 6 * 3600.0
"""A slow download, or npm at work, may tell nothing new for long."""
_OWN: Final = "stemwright serve"

log = logs.get_logger(__name__)


def open_models(settings: Settings, jobs: Jobs | None = None) -> Models:
    """Open the models of a service; ``jobs`` are those that may need one that is to be removed."""
    children = ChildPool(
        [sys.executable, "-m", "stemwright.entry.child", str(_NICENESS), "0"],
        {
            **os.environ,
            "OPENBLAS_NUM_THREADS": "1",
            "STEMWRIGHT_MODELS_DIR": str(settings.models_dir),
        },
        idle_s=0,
        silence_s=_SILENCE_S,
    )
    store = open_store(settings)
    return (
        Models(store, children) if jobs is None else Models(store, children, in_use=JobUsage(jobs))
    )


def fetch_missing(models: Models) -> None:
    """Install in the background what a service needs and lacks.

    Nobody can be asked about licences then: they are logged, and going on means accepting them.
    Where ``MODEL_SOURCES`` is ``none`` nothing is fetched or accepted.
    """
    for model in _needed(models):
        if models.store.installed(model) is not None:
            continue
        if not models.store.is_offered(model):
            log.warning("model is not installed, and no source has it", model=model.name)
            continue
        log.warning("model is not installed, fetching it", model=model.name)
        log.warning(licence_text(model.licence))
        try:
            models.install(model.name, by=_OWN, accepts=True, how="unattended")
        except StemwrightError as error:
            log.warning("model cannot be fetched", model=model.name, error=error.message)


def _needed(models: Models) -> Iterator[Model]:
    tiers = {tier: models.tier_model(tier) for tier in models.choices.all()}
    yield from {model.name: model for model in tiers.values()}.values()
    yield DENOISE_MODEL
