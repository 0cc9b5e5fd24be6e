"""Weights for whole networks, random and the same everywhere, that let every part matter.

At the size they have after training a residual branch is scaled by 1e-4, so an error in it would
not show; and without a norm in between, activations must neither vanish nor explode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from stemwright.engine.networks import HDemucsShape, HTDemucsShape, NetworkShape, SCNetShape
from stemwright.engine.networks.parameters import (
    SCNetSizes,
    Shapes,
    hdemucs_shapes,
    htdemucs_shapes,
    scnet_shapes,
)

from .reference_song import reference_song

State = dict[str, NDArray[np.float32]]


def random_state(shapes: Shapes, seed: int) -> State:
    """Draw every parameter uniformly, which no library version may change, by its kind."""
    rng = np.random.default_rng(seed)
    return {name: _parameter(name, shape, rng) for name, shape in shapes.items()}


def _parameter(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    spread = 2 * rng.random(shape, np.float32) - 1
    if name.endswith(("scale", "pos_embed_f")):
        return 0.5 * spread
    if len(shape) == 1:
        # a norm's weight lies around one, every bias around zero
        centre = 1.0 if name.endswith("weight") else 0.0
        return (centre + 0.2 * spread).astype(np.float32)
    inputs = int(np.prod(shape[1:]))
    if ".conv_tr." in name or ".convtrs." in name:
        inputs = shape[0] * (2 if ".conv_tr." in name else 1)
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

_SCNET = {
    "dims": [4, 32, 64, 128],
    "nfft": 4096,
    "hop_size": 1024,
    "win_size": 4096,
    "normalized": True,
    "band_SR": [0.175, 0.392, 0.433],
    "band_stride": [1, 4, 16],
    "band_kernel": [3, 4, 16],
    "conv_depths": [3, 2, 1],
    "compress": 4,
    "conv_kernel": 3,
    "num_dplayer": 6,
    "expand": 1,
}
"""The numbers of its author's first configuration."""
_SCNET_SMALL = {
    **_SCNET,
    "dims": [4, 6, 8],
    "nfft": 1024,
    "hop_size": 256,
    "win_size": 1024,
    "band_SR": [0.2, 0.35, 0.45],
    "band_stride": [1, 2, 5],
    "band_kernel": [5, 4, 5],
    "conv_depths": [1, 2, 1],
    "compress": 2,
    "conv_kernel": 5,
    "num_dplayer": 2,
    "expand": 2,
}
"""Other everywhere: a kernel twice its stride, five taps, LSTMs wider than their inputs."""
_SMALL_SIZES = SCNetSizes(
    dims=(4, 6, 8),
    kernels=(5, 4, 5),
    depths=(1, 2, 1),
    hidden=(3, 4),
    taps=5,
    recurrences=2,
    expand=2,
)
_SMALL_BANDS = {
    "ratios": (0.2, 0.35, 0.45),
    "strides": (1, 2, 5),
    "n_fft": 1024,
    "hop_samples": 256,
}

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
    "scnet-small": Case(
        "msst.models.scnet.scnet.SCNet",
        {**_SCNET_SMALL, "normalized": False, "normalise": "none"},
        SCNetShape(FOUR, 2 * 44_100, **_SMALL_BANDS, scaled=False, normalised=False),
        scnet_shapes(_SMALL_SIZES),
        seed=6,
    ),
    "scnet-standardised": Case(
        "msst.models.scnet.scnet.SCNet",
        {**_SCNET_SMALL, "normalise": "segment"},
        SCNetShape(FOUR, 344 * 256, **_SMALL_BANDS, standardised=True),
        scnet_shapes(_SMALL_SIZES),
        seed=7,
    ),
    "scnet-masked": Case(
        "msst.models.scnet.scnet_masked.SCNet",
        {**_SCNET_SMALL, "normalise": "song"},
        SCNetShape(FOUR[2:], 3 * 44_100 + 1, **_SMALL_BANDS, hann=True),
        scnet_shapes(replace(_SMALL_SIZES, stems=2, masked_bins=513)),
        seed=8,
    ),
    "scnet": Case(
        "msst.models.scnet.scnet.SCNet",
        {**_SCNET, "normalise": "song"},
        SCNetShape(FOUR, 11 * 44_100, (0.175, 0.392, 0.433), (1, 4, 16)),
        scnet_shapes(SCNetSizes()),
        seed=9,
    ),
    "scnet-large": Case(
        "msst.models.scnet.scnet.SCNet",
        {
            **_SCNET,
            "dims": [4, 64, 128, 256],
            "band_SR": [0.225, 0.372, 0.403],
            "normalise": "song",
        },
        SCNetShape(FOUR, 11 * 44_100, (0.225, 0.372, 0.403), (1, 4, 16)),
        scnet_shapes(SCNetSizes(dims=(4, 64, 128, 256), hidden=(16, 32, 64))),
        seed=10,
    ),
}
"""Small enough for every run, then at their full size."""
