"""A catalogue record whose weights are a few bytes, and a store that takes them as they are."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from stemwright.engine.catalog import MODELS, Model, Source
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
    facts = {
        "name": "small",
        "sources": (source,),
        "size_bytes": len(CONTENT),
        "installed_sha256": SHA256,
    }
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
