"""A service that lacks its models fetches them while it runs; jobs are refused until then."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from stemwright.engine.catalog import DENOISE_MODEL, QUALITIES, find_model
from stemwright.errors import StemwrightError
from stemwright.kit import logs

from .pulling import licence_text
from .wiring import open_store

if TYPE_CHECKING:
    from stemwright.engine.catalog import Model
    from stemwright.engine.weights import ModelStore
    from stemwright.settings import Settings

NEEDED: Final = (find_model(QUALITIES["balanced"].model), DENOISE_MODEL)

log = logs.get_logger(__name__)


def fetch_missing(settings: Settings) -> None:
    """Fetch in the background what is not installed, one model after the other."""
    store = open_store(settings)
    missing = [model for model in NEEDED if store.installed(model) is None]
    if missing:
        threading.Thread(target=_fetch, args=(store, missing), name="models", daemon=True).start()


def _fetch(store: ModelStore, missing: list[Model]) -> None:
    for model in missing:
        log.warning("model is not installed, fetching it", model=model.name)
        try:
            store.pull(model, on_licence=lambda licence: log.warning(licence_text(licence)))
        except StemwrightError as error:
            log.warning("model cannot be fetched", model=model.name, error=error.message)
        else:
            log.info("model installed", model=model.name)
