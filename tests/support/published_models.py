"""Models of the real sizes with random weights, as their authors publish theirs.

The catalogue pins checksums that nobody but the authors can meet, so a test's command line runs
with one that pins these files' instead: ``catalogue_cli.py``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from stemwright.engine.architectures import HDEMUCS, HTDEMUCS, Checkpoint
from stemwright.engine.catalog import MODELS
from stemwright.engine.checkpoints import describe
from stemwright.engine.networks.parameters import hdemucs_shapes, htdemucs_shapes

from .hub_server import HubServer
from .random_networks import State, random_state
from .torch_files import checkpoint


@dataclass
class Published:
    """What a hub serves, and the catalogue that goes with it."""

    hub: HubServer
    pins: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)
    """For each model and network: file, SHA-256, size."""

    def publish(self, name: str, files: list[tuple[str, bytes]]) -> None:
        for file, content in files:
            self.hub.publish(f"/{file}", content)
        self.pins[name] = [
            (file, hashlib.sha256(content).hexdigest(), len(content)) for file, content in files
        ]

    def write_catalogue(self, path: Path) -> None:
        path.write_text(json.dumps(self.pins))


def publish_htdemucs(published: Published, name: str) -> None:
    """One safetensors file a network, in half precision; networks differ in what they add."""
    model = MODELS[name]
    bottom = 0 if name == "htdemucs_6s" else 512
    shapes = htdemucs_shapes(sources=len(model.stems), bottom_channels=bottom)
    state = random_state(shapes, seed=7)
    files = []
    for place, network in enumerate(model.networks):
        state["tdecoder.3.conv_tr.bias"] = np.full(2 * len(model.stems), 0.1 * place, np.float32)
        checkpoint_ = Checkpoint(HTDEMUCS, state)
        half = {key: array.astype(np.float16) for key, array in state.items()}
        metadata = describe(checkpoint_, model.stems, model.segment_s)
        files.append((f"{network.name}.safetensors", save(half, metadata)))
    published.publish(name, files)


def publish_mdx_extra(published: Published) -> None:
    """Packages of the authors' older format, all with the same weights."""
    state: State = random_state(hdemucs_shapes(sources=4), seed=8)
    package = checkpoint(state, klass="demucs.hdemucs HDemucs", arguments={"norm_groups": 4})
    assert HDEMUCS.name == MODELS["mdx_extra"].architecture
    sources = [network.sources[0].file for network in MODELS["mdx_extra"].networks]
    published.publish("mdx_extra", [(file, package) for file in sources])
