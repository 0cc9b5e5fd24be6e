"""A catalogue that pins other files than the authors': those that a test's server publishes."""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stemwright.engine import catalog
from stemwright.engine.model import Model, Network, Source

Pin = tuple[str, str, int]
"""File, SHA-256 and size of a network."""


def pin_catalogue(path: Path) -> None:
    """Have this process's catalogue pin what the JSON file says, for each model it names."""
    for name, pins in json.loads(path.read_text()).items():
        _replace(name, pinned(catalog.ALL_MODELS[name], pins))


def pinned(model: Model, pins: Sequence[Pin]) -> Model:
    """The same model from other files."""
    networks = zip(model.networks, pins, strict=True)
    return replace(model, networks=tuple(_network(network, *pin) for network, pin in networks))


def _network(network: Network, file: str, sha256: str, size_bytes: int) -> Network:
    source = Source("https", "https://hub.invalid", file, sha256, size_bytes)
    return replace(network, sources=(source,), installed_sha256=None)


def _replace(name: str, model: Model) -> None:
    """The catalogue cannot be changed; what it shows is a dictionary, which can."""
    for table in (catalog.MODELS, catalog.ALL_MODELS):
        (shown,) = (it for it in gc.get_referents(table) if isinstance(it, dict))
        if name in shown:
            shown[name] = model
