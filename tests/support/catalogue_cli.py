"""The real command line on a catalogue that pins other files; ``CATALOGUE`` names its JSON.

Run as a script.
"""

from __future__ import annotations

import gc
import json
import os
from dataclasses import replace
from pathlib import Path

from stemwright.engine import catalog
from stemwright.engine.model import Model, Network, Source
from stemwright.entry.cli import main


def _pinned(model: Model, pins: list[list[str | int]]) -> Model:
    networks = zip(model.networks, pins, strict=True)
    return replace(model, networks=tuple(_network(network, *pin) for network, pin in networks))


def _network(network: Network, file: str, sha256: str, size_bytes: int) -> Network:
    source = Source("https", "https://hub.invalid", file, sha256, size_bytes)
    return replace(network, sources=(source,), installed_sha256=None)


def _replace(name: str, model: Model) -> None:
    """The catalogue cannot be changed; what it shows is a dictionary, which can."""
    for table in (catalog.MODELS, catalog.ALL_MODELS):
        (shown,) = (it for it in gc.get_referents(table) if isinstance(it, dict))
        shown[name] = model


if __name__ == "__main__":
    for name, pins in json.loads(Path(os.environ["CATALOGUE"]).read_text()).items():
        _replace(name, _pinned(catalog.MODELS[name], pins))
    main()
