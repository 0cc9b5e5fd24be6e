"""A catalogue record whose weights are a few bytes, and a store that takes them as they are."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from stemwright.engine.catalog import MODELS, Model, Network, Source
from stemwright.engine.source_order import SourceOrder
from stemwright.engine.sources import RawWeights
from stemwright.engine.weights import ModelStore
from stemwright.web.addresses import AddressPolicy
from stemwright.web.client import GuardedClient, Limits
from stemwright.web.download import ResumableDownload

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = CONTENT[::-1]
FILE = "small.safetensors"


def small_model(*, kind: str = "https", location: str = "https://hub.invalid", **changes) -> Model:
    source = Source(kind, location, FILE, SHA256, len(CONTENT))
    network = Network("small", (source,), SHA256)
    facts = {"name": "small", "networks": (network,), "size_bytes": len(CONTENT)}
    return replace(MODELS["htdemucs"], **{**facts, **changes})


def copy_raw(raw: RawWeights, destination: Path, model: Model) -> None:
    shutil.copyfile(raw.path, destination)


def small_store(folder: Path, *sources: str, **options) -> ModelStore:
    """Open a store over HTTP; ``sources`` as in MODEL_SOURCES."""
    client = GuardedClient(AddressPolicy(), limits=Limits(connect_s=1.0, idle_s=5.0))
    given = {
        "download": ResumableDownload(client),
        "sources": SourceOrder.parse(sources),
        "convert": copy_raw,
        **options,
    }
    return ModelStore(folder, **given)


PARTS = {name: bytes([place]) * 200_000 for place, name in enumerate(("one", "two", "three"))}
"""What the networks of a small bag are made of, by name."""


def small_bag(**changes) -> Model:
    """A model of three networks, each published in two places."""
    networks = tuple(
        Network(
            name,
            (
                Source("huggingface", "me/bag@1", f"{name}.safetensors", _sha256(part), len(part)),
                Source("https", "https://mine.invalid", f"{name}.th", _sha256(part), len(part)),
            ),
            installed_file=f"{name}.safetensors",
        )
        for name, part in PARTS.items()
    )
    size = sum(map(len, PARTS.values()))
    return replace(
        MODELS["htdemucs"], **{"name": "bag", "networks": networks, "size_bytes": size, **changes}
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
