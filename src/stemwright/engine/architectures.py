"""Which reference classes weights may belong to, and what their arguments mean for our graphs.

A checkpoint names its class and the arguments it was made with. Most of those change nothing in the
function computed, some change the parameters' shapes and can be read off them, a few are passed on
to the graph; any other that differs from what our graphs assume is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import scnet_arguments
from .networks import HDemucsShape, HTDemucsShape, NetworkShape
from .networks.parameters import Shapes, hdemucs_shapes, htdemucs_shapes, scnet_shapes

ArchitectureName = Literal["htdemucs", "hdemucs", "scnet"]
StateDict: TypeAlias = dict[str, NDArray[np.float32]]
Arguments: TypeAlias = Mapping[str, Any]

_AUDIO_CHANNELS: Final = 2


@dataclass(frozen=True, slots=True)
class Architecture:
    """A reference class."""

    name: ArchitectureName
    title: str
    classes: tuple[str, ...]
    """Its dotted name, and older names of it."""
    assumed: Arguments
    """Arguments our graph takes for granted."""
    passed: Arguments
    """Arguments our graph can be told, with the class's defaults."""
    outputs: Callable[[StateDict], int]
    """How many stems weights give; four if unclear."""
    shapes_like: Callable[[StateDict], Shapes]
    """Parameters of the member of the family that a state looks like; the usual one if unclear."""
    described: Callable[[StateDict], dict[str, Any]]
    """Arguments other than the defaults that a state shows by its shapes."""
    any_length: bool
    """Whether it takes segments of any length; else only those it was trained on."""
    problems: Callable[[StateDict, Arguments], str] = lambda _, __: ""
    """What is wrong or missing in what is said of whole weights; nothing if all is well."""

    def unsupported(self, arguments: Arguments) -> list[str]:
        """Arguments, as ``name=value``, that change the function in a way no graph of ours has."""
        odd = [
            name
            for name, value in self.assumed.items()
            if name in arguments and not _same(arguments[name], value)
        ]
        odd += [name for name, usable in _USABLE.items() if not usable(arguments.get(name))]
        return [f"{name}={str(arguments[name])[:_SHOWN]}" for name in odd]

    def options(self, arguments: Arguments) -> dict[str, Any]:
        """What of the arguments our graph has to be told, defaults filled in."""
        given = {name: arguments.get(name) for name in self.passed}
        return {
            name: default if given[name] is None else given[name]
            for name, default in self.passed.items()
        }


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The weights of one whole network."""

    architecture: Architecture
    state: StateDict
    arguments: Arguments = field(default_factory=dict)
    """What its class was made with, as far as the file says."""

    @property
    def outputs(self) -> int:
        """How many stems it gives."""
        return self.architecture.outputs(self.state)


def _same(found: object, assumed: object) -> bool:
    """Equal, where a class takes an empty list, zero, false and nothing for the same."""
    if not isinstance(found, (bool, int, float, str, list, tuple, type(None))):
        return False
    return (found or None) == (assumed or None)


_SHOWN: Final = 40
_USABLE: Final[Mapping[str, Callable[[object], bool]]] = {
    "freq_emb": lambda value: value is None or isinstance(value, (int, float)),
    "emb_scale": lambda value: value is None or isinstance(value, (int, float)),
    "norm_groups": lambda value: value is None or value in (1, 2, 4, 8),
    "hybrid_old": lambda value: value is None or isinstance(value, bool),
}


def network_shape(
    checkpoint: Checkpoint, stems: tuple[str, ...], segment_samples: int
) -> NetworkShape:
    """What a graph of these weights is made by."""
    if checkpoint.architecture is SCNET:
        return scnet_arguments.scnet_shape(
            checkpoint.state, checkpoint.arguments, stems, segment_samples
        )
    options = checkpoint.architecture.options(checkpoint.arguments)
    embedding = float(options["freq_emb"]) * float(options["emb_scale"])
    if checkpoint.architecture is HTDEMUCS:
        bottom = len(checkpoint.state.get("channel_upsampler.bias", ()))
        return HTDemucsShape(
            stems, segment_samples, freq_embedding_scale=embedding, bottom_channels=bottom
        )
    return HDemucsShape(
        stems,
        segment_samples,
        freq_embedding_scale=embedding,
        norm_groups=int(options["norm_groups"]),
        unpadded=bool(options["hybrid_old"]),
    )


def architecture_of(klass: str) -> Architecture | None:
    """The architecture of a class by its dotted name."""
    return next((each for each in ARCHITECTURES if klass in each.classes), None)


def architecture_named(name: str) -> Architecture | None:
    """The architecture of this name."""
    return next((each for each in ARCHITECTURES if each.name == name), None)


def sources_of(arguments: Arguments) -> tuple[str, ...] | None:
    """The stems that a checkpoint says it gives, in its order."""
    sources = arguments.get("sources")
    named = isinstance(sources, Sequence) and not isinstance(sources, str)
    return tuple(str(source) for source in sources) if named and sources else None


def segment_of(arguments: Arguments) -> Fraction | None:
    """Length of the segments a checkpoint was trained on, in seconds."""
    segment = arguments.get("segment")
    if isinstance(segment, (int, float, Fraction)) and 0 < segment < _LONGEST_SEGMENT_S:
        return Fraction(segment).limit_denominator(44_100)
    return None


_LONGEST_SEGMENT_S: Final = 600


def _htdemucs_like(state: StateDict) -> Shapes:
    return htdemucs_shapes(
        sources=HTDEMUCS.outputs(state),
        bottom_channels=_size(state, "channel_upsampler.weight", 0, usual=0),
    )


def _htdemucs_described(state: StateDict) -> dict[str, Any]:
    bottom = _size(state, "channel_upsampler.weight", 0, usual=0)
    return {"bottom_channels": bottom, "dconv_mode": _EVERYWHERE}


def _hdemucs_like(state: StateDict) -> Shapes:
    described = _hdemucs_described(state)
    return hdemucs_shapes(
        sources=HDEMUCS.outputs(state),
        channels=described["channels"],
        compression=described["dconv_comp"],
        residual_decoder=described["dconv_mode"] == _EVERYWHERE,
    )


def _hdemucs_described(state: StateDict) -> dict[str, Any]:
    channels = _size(state, "encoder.0.conv.weight", 0, usual=48) or 48
    hidden = _size(state, "encoder.0.dconv.layers.0.0.weight", 0, usual=channels // 4) or channels
    everywhere = any(name.startswith("decoder.0.dconv.") for name in state)
    return {
        "channels": channels,
        "dconv_mode": _EVERYWHERE if everywhere else 1,
        "dconv_comp": max(1, channels // hidden),
    }


_EVERYWHERE: Final = 3
"""``dconv_mode`` with residual branches in encoders and decoders."""


def _stereo_outputs(state: StateDict, last_layer: str) -> int:
    """Stems of whose two channels the last layer over time gives the waveforms."""
    return _size(state, last_layer, 1, usual=4 * _AUDIO_CHANNELS) // _AUDIO_CHANNELS


def _size(state: StateDict, name: str, axis: int, *, usual: int) -> int:
    """Size of a parameter along an axis, or the usual one where there is no such parameter."""
    array = state.get(name)
    return usual if array is None or array.ndim <= axis else int(array.shape[axis])


_COMMON: Final = {
    "audio_channels": 2,
    "samplerate": 44_100,
    "channels_time": None,
    "growth": 2,
    "nfft": 4096,
    "cac": True,
    "rewrite": True,
    "multi_freqs": None,
    "kernel_size": 8,
    "stride": 4,
    "context": 1,
    "context_enc": 0,
    "norm_starts": 4,
    "dconv_depth": 2,
}

HTDEMUCS: Final = Architecture(
    "htdemucs",
    "HTDemucs",
    classes=("demucs.htdemucs.HTDemucs",),
    assumed=MappingProxyType(
        {
            **_COMMON,
            "depth": 4,
            "channels": 48,
            "dconv_comp": 8,
            "t_layers": 5,
            "t_emb": "sin",
            "t_hidden_scale": 4.0,
            "t_heads": 8,
            "t_norm_in": True,
            "t_norm_in_group": False,
            "t_group_norm": False,
            "t_norm_first": True,
            "t_norm_out": True,
            "t_max_period": 10000.0,
            "t_layer_scale": True,
            "t_gelu": True,
            "t_weight_pos_embed": 1.0,
            "t_sparse_self_attn": False,
            "t_sparse_cross_attn": False,
            "t_cross_first": False,
        }
    ),
    passed=MappingProxyType({"freq_emb": 0.2, "emb_scale": 10}),
    outputs=lambda state: _stereo_outputs(state, "tdecoder.3.conv_tr.weight"),
    shapes_like=_htdemucs_like,
    described=_htdemucs_described,
    any_length=False,
)

HDEMUCS: Final = Architecture(
    "hdemucs",
    "HDemucs",
    classes=("demucs.hdemucs.HDemucs", "demucs.wdemucs.WDemucs"),
    assumed=MappingProxyType(
        {
            **_COMMON,
            "depth": 6,
            "hybrid": True,
            "time_stride": 2,
            "dconv_attn": 4,
            "dconv_lstm": 4,
        }
    ),
    passed=MappingProxyType(
        {"freq_emb": 0.2, "emb_scale": 10, "norm_groups": 4, "hybrid_old": False}
    ),
    outputs=lambda state: _stereo_outputs(state, "tdecoder.4.conv_tr.weight"),
    shapes_like=_hdemucs_like,
    described=_hdemucs_described,
    any_length=True,
)

SCNET: Final = Architecture(
    "scnet",
    "SCNet",
    classes=("scnet.SCNet.SCNet",),
    assumed=MappingProxyType({}),
    passed=MappingProxyType(
        dict.fromkeys(
            ("band_SR", "band_stride", "nfft", "hop_size", "normalized", "normalise"),
        )
    ),
    outputs=lambda state: scnet_arguments.sizes_of(state).stems,
    shapes_like=lambda state: scnet_shapes(scnet_arguments.sizes_of(state)),
    described=lambda _: {},
    any_length=True,
    problems=scnet_arguments.problems,
)

ARCHITECTURES: Final = (HTDEMUCS, HDEMUCS, SCNET)
