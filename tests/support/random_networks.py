"""Weights for whole networks, random and the same everywhere, that let every part matter.

At the size they have after training a residual branch is scaled by 1e-4, so an error in it would
not show; and without a norm in between, activations must neither vanish nor explode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from stemwright.engine.networks import HDemucsShape, HTDemucsShape, NetworkShape
from stemwright.engine.networks.parameters import Shapes, hdemucs_shapes, htdemucs_shapes

from .reference_song import reference_song

State = dict[str, NDArray[np.float32]]


def random_state(shapes: Shapes, seed: int) -> State:
    """Draw every parameter uniformly, which no library version may change, by its kind."""
    rng = np.random.default_rng(seed)
    return {name: _parameter(name, shape, rng) for name, shape in shapes.items()}


def _parameter(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    spread = 2 * rng.random(shape, np.float32) - 1
    if name.endswith("scale"):
        return 0.5 * spread
    if len(shape) == 1:
        # a norm's weight lies around one, every bias around zero
        centre = 1.0 if name.endswith("weight") else 0.0
        return (centre + 0.2 * spread).astype(np.float32)
    inputs = shape[0] * 2 if ".conv_tr." in name else int(np.prod(shape[1:]))
    return (spread * np.sqrt(3 / inputs)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Case:
    """A network that is compared with its reference class, and what that class is told."""

    reference: str
    arguments: Mapping[str, object]
    shape: NetworkShape
    shapes: Shapes
    seed: int

    def state(self) -> State:
        return random_state(self.shapes, self.seed)

    def segment(self) -> NDArray[np.float32]:
        """A few seconds of the reference song, ``[2, samples]``."""
        return np.ascontiguousarray(reference_song()[:, : self.shape.segment_samples])


FOUR = ("drums", "bass", "other", "vocals")
SIX = (*FOUR, "guitar", "piano")
_SEGMENT = 343_980

CASES = {
    "hdemucs-narrow": Case(
        "demucs.hdemucs.HDemucs",
        {"channels": 8},
        HDemucsShape(FOUR, 12 * 44_100 + 7),
        hdemucs_shapes(sources=4, channels=8),
        seed=1,
    ),
    "hdemucs-unpadded": Case(
        "demucs.hdemucs.HDemucs",
        {"channels": 8, "hybrid_old": True, "dconv_mode": 3, "dconv_comp": 2, "norm_groups": 2},
        HDemucsShape(FOUR, 4 * 44_100, unpadded=True, norm_groups=2),
        hdemucs_shapes(sources=4, channels=8, compression=2, residual_decoder=True),
        seed=2,
    ),
    "hdemucs": Case(
        "demucs.hdemucs.HDemucs",
        {},
        HDemucsShape(FOUR, 12 * 44_100),
        hdemucs_shapes(sources=4),
        seed=3,
    ),
    "htdemucs": Case(
        "demucs.htdemucs.HTDemucs",
        {"bottom_channels": 512, "dconv_mode": 3, "segment": Fraction(39, 5)},
        HTDemucsShape(FOUR, _SEGMENT),
        htdemucs_shapes(sources=4, bottom_channels=512),
        seed=4,
    ),
    "htdemucs_6s": Case(
        "demucs.htdemucs.HTDemucs",
        {"dconv_mode": 3, "segment": Fraction(39, 5)},
        HTDemucsShape(SIX, _SEGMENT, bottom_channels=0),
        htdemucs_shapes(sources=6, bottom_channels=0),
        seed=5,
    ),
}
"""Small enough for every run, then at their full size."""
