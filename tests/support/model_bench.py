"""The models of a service over a hub on the loopback: three that are small, in real processes.

Their weights are kept as published, so any bytes do.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

from stemwright.engine.catalog import DEMUCS_WEIGHTS, DENOISE_MODEL, NOTE_MODEL
from stemwright.engine.licences import LicencePolicy
from stemwright.engine.model import Model
from stemwright.engine.weights import ModelStore
from stemwright.features.models.service import Models
from stemwright.features.models.state import ModelState
from stemwright.jobs.children import ChildPool

from .hub_server import HubFile, HubServer
from .live_server import wait_until
from .pinned_catalogue import pinned

NOTES, DENOISER = NOTE_MODEL.name, DENOISE_MODEL.name
CONTENTS = {NOTES: b"notes" * 50_000, DENOISER: b"noise" * 50_000}


class ModelBench:
    """Use as a context manager. ``hub`` may be changed while it runs."""

    def __init__(
        self,
        folder: Path,
        *,
        policy: str = "any",
        in_use: Callable[[Model], int] = lambda _model: 0,
    ) -> None:
        self.hub = HubServer()
        self.folder = folder / "models"
        self.files: dict[str, HubFile] = {
            name: self.hub.publish(f"/{name}.bin", content) for name, content in CONTENTS.items()
        }
        pins = {
            name: [(f"{name}.bin", hashlib.sha256(content).hexdigest(), len(content))]
            for name, content in CONTENTS.items()
        }
        catalogue = folder / "catalogue.json"
        catalogue.write_text(json.dumps(pins))
        offered = {
            model.name: pinned(model, pins[model.name]) for model in (NOTE_MODEL, DENOISE_MODEL)
        }
        # of a licence that not every policy admits
        offered["closed"] = replace(offered[NOTES], name="closed", licence=DEMUCS_WEIGHTS)
        self.children = ChildPool(
            [sys.executable, "-m", "support.installing_child"],
            {
                **os.environ,
                "PYTHONPATH": str(Path(__file__).parents[1]),
                "CATALOGUE": str(catalogue),
                "STEMWRIGHT_DATA_DIR": str(folder),
                "STEMWRIGHT_MODEL_SOURCES": self.hub.url(""),
                "STEMWRIGHT_MODELS_DIR": str(self.folder),
            },
            idle_s=0,
        )
        self.store = ModelStore(self.folder, policy=LicencePolicy.parse(policy))
        self.models = Models(self.store, self.children, in_use=in_use, offered=offered)

    def __enter__(self) -> Self:
        self.hub.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        self.models.close()
        self.hub.__exit__(None, None, None)

    def state(self, name: str = NOTES) -> ModelState:
        return self.models.find(name)

    def install(self, name: str = NOTES, **options: object) -> ModelState:
        given = {"by": "ada@example.org", "accepts": True, **options}
        return self.models.install(name, **given)  # type: ignore[arg-type]

    def wait_installed(self, name: str = NOTES) -> ModelState:
        wait_until(lambda: self.state(name).is_installed and not self._works(name), name)
        return self.state(name)

    def wait_for(self, state: str, name: str = NOTES) -> ModelState:
        def reached() -> bool:
            found = self.state(name).installation
            return found is not None and found.state == state

        wait_until(reached, f"{name} {state}")
        return self.state(name)

    def _works(self, name: str) -> bool:
        return self.state(name).installation is not None
