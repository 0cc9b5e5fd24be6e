"""One file per network architecture, each written once for every runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from stemwright.engine.graph import Graph, Node, Weights

from . import hdemucs, htdemucs, scnet
from .hdemucs import HDemucsShape
from .htdemucs import HTDemucsShape
from .hybrid import SPARE_BINS, without_spare_bins
from .scnet_bands import SCNetShape

NetworkShape: TypeAlias = HTDemucsShape | HDemucsShape | SCNetShape

__all__ = [
    "SPARE_BINS",
    "HDemucsShape",
    "HTDemucsShape",
    "NetworkShape",
    "SCNetShape",
    "build",
    "without_spare_bins",
]


def build(graph: Graph[Node], state: Mapping[str, Weights], shape: NetworkShape) -> None:
    """Add the network of this shape to ``graph``."""
    if isinstance(shape, HTDemucsShape):
        htdemucs.build(graph, state, shape)
    elif isinstance(shape, SCNetShape):
        scnet.build(graph, state, shape)
    else:
        hdemucs.build(graph, state, shape)
