"""What SCNet's weights show of its making, and what has to be told beside them.

A checkpoint of SCNet is a bare state dict; its numbers are in a YAML file that goes with it. Those
that change nothing in the parameters' shapes could be wrong without anyone noticing but the ears,
so every one of them has to be told, and what can be seen must be as told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count, takewhile
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .networks import SCNetShape
from .networks.parameters import SCNetSizes
from .networks.scnet_bands import BANDS

State = Mapping[str, NDArray[np.float32]]
Arguments = Mapping[str, Any]

NORMALISE: Final = ("song", "segment", "none")
"""Whole songs are brought to one level, or the spectra of segments, or nothing is."""
_COMPLEX_STEREO: Final = 4
_MOST_LAYERS: Final = 16
_LEAST_COMPRESSION: Final = 0.01
_SHORTEST_STFT: Final = 64
_LONGEST_STFT: Final = 1 << 16


def sizes_of(state: State) -> SCNetSizes:
    """Sizes of the member of the family that a state looks like; the usual ones if unclear."""
    usual = SCNetSizes()
    levels = _listed(state, "encoder.{}.globalconv.weight")
    channels = [_size(state, f"encoder.{level}.globalconv.weight", 0) for level in range(levels)]
    first = "encoder.0.conv_modules.{}.layers"
    hidden = "encoder.{}.conv_modules.0.layers.0.3.weight"
    recurrent = "separation_net.dp_modules.0.lstm_layers.0.weight_hh_l0"
    if not levels:
        return usual
    return SCNetSizes(
        stems=max(1, _size(state, f"decoder.{levels - 1}.1.convtrs.0.weight", 1) // 4),
        dims=(_COMPLEX_STEREO, *channels),
        kernels=tuple(
            _size(state, f"encoder.0.SDlayer.convs.{band}.weight", 2) for band in range(BANDS)
        ),
        depths=tuple(_listed(state, first.format(band) + ".{}.1.weight") for band in range(BANDS)),
        hidden=tuple(_size(state, hidden.format(level), 0) for level in range(levels)),
        taps=_size(state, "encoder.0.conv_modules.0.layers.0.1.weight", 2),
        recurrences=_listed(state, "separation_net.dp_modules.{}.linear_layers.0.weight"),
        expand=max(1, _size(state, recurrent, 1) // channels[-1]),
        masked_bins=_size(state, "pos_embed_f", 2) if "pos_embed_f" in state else 0,
    )


def problems(state: State, arguments: Arguments) -> str:
    """What keeps a graph from being made of these weights, for people; nothing if all is well."""
    if missing := [name for name in _WANTED if name not in arguments]:
        return (
            f"{', '.join(missing)} of SCNet cannot be seen in its weights: write what the YAML "
            "file that goes with them says into [arguments] of model.toml"
        )
    if wrong := [name for name, fits in _WANTED.items() if not fits(arguments[name])]:
        return "; ".join(f"{name} has to be {_MEANT[name]}" for name in wrong)
    return "; ".join([*_not_as_told(state, arguments), *_impossible(state, arguments)])


def scnet_shape(
    state: State, arguments: Arguments, stems: tuple[str, ...], segment_samples: int
) -> SCNetShape:
    """What a graph of these weights is made by; the arguments are without `problems`."""
    normalise = arguments["normalise"]
    return SCNetShape(
        stems,
        segment_samples,
        ratios=tuple(map(float, arguments["band_SR"])),
        strides=tuple(map(int, arguments["band_stride"])),
        n_fft=int(arguments["nfft"]),
        hop_samples=int(arguments["hop_size"]),
        scaled=arguments["normalized"],
        hann="mask_layer.0.weight" in state,
        standardised=normalise == "segment",
        normalised=normalise != "none",
    )


def _not_as_told(state: State, arguments: Arguments) -> Iterator[str]:
    """What the weights show otherwise than they are said to be."""
    sizes = sizes_of(state)
    seen = {
        "dims": list(sizes.dims),
        "band_kernel": list(sizes.kernels),
        "conv_depths": list(sizes.depths),
        "conv_kernel": sizes.taps,
        "num_dplayer": sizes.recurrences,
        "expand": sizes.expand,
        "audio_channels": _COMPLEX_STEREO // 2,
        "win_size": arguments["nfft"],
    }
    for name, value in seen.items():
        told = arguments.get(name, value)
        if _plain(told) != value:
            yield f"{name} is {value} and not {str(told)[:40]}"
    compress = arguments.get("compress")
    if compress is not None and not _compresses(compress, sizes):
        yield f"compress {str(compress)[:40]} is not what the residual convolutions have"
    if sizes.masked_bins not in (0, arguments["nfft"] // 2 + 1):
        yield f"nfft is {2 * (sizes.masked_bins - 1)} and not {arguments['nfft']}"


def _impossible(state: State, arguments: Arguments) -> Iterator[str]:
    """What no network of this kind can be."""
    sizes = sizes_of(state)
    if sizes.recurrences % 2 or sizes.taps % 2 == 0:
        yield "num_dplayer has to be even, and conv_kernel odd"
    if arguments["nfft"] % (2 * arguments["hop_size"]):
        yield "nfft has to be an even multiple of hop_size"
    elif sizes.masked_bins and arguments["normalise"] == "segment":
        yield 'an SCNet that ends in a mask takes normalise = "song" or "none"'
    elif not all(band.usable for band in _bands(state, sizes, arguments)):
        yield "these bands do not fit: a stride leaves rows out, or a band is empty"


def _bands(state: State, sizes: SCNetSizes, arguments: Arguments) -> Iterator[Any]:
    shape = scnet_shape(state, arguments, (), 1)
    for bands in shape.levels(len(sizes.dims) - 1, sizes.kernels):
        yield from bands


def _compresses(compress: object, sizes: SCNetSizes) -> bool:
    """Whether the reference class would give the residual branches that many channels."""
    if not isinstance(compress, (int, float)) or not compress >= _LEAST_COMPRESSION:
        return False
    return tuple(int(channels / compress) for channels in sizes.dims[1:]) == sizes.hidden


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _three(value: object) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) and len(value) == BANDS else []


def _are_shares(value: object) -> bool:
    """Three numbers whose sum is about one."""
    shares = _three(value)
    if not shares or not all(type(share) in (int, float) and 0 < share < 1 for share in shares):
        return False
    return bool(abs(sum(shares) - 1) < _ROUNDED)


_ROUNDED: Final = 0.01


def _are_counts(value: object) -> bool:
    return bool(_three(value)) and all(map(_is_count, _three(value)))


def _is_stft_size(value: object) -> bool:
    return isinstance(value, int) and _SHORTEST_STFT <= value <= _LONGEST_STFT


def _are_names(value: object) -> bool:
    if not isinstance(value, (list, tuple)) or not value:
        return False
    return all(isinstance(name, str) for name in value)


_WANTED: Final[Mapping[str, Callable[[object], bool]]] = {
    "sources": _are_names,
    "band_SR": _are_shares,
    "band_stride": _are_counts,
    "nfft": _is_stft_size,
    "hop_size": _is_count,
    "normalized": lambda value: isinstance(value, bool),
    "normalise": lambda value: value in NORMALISE,
}
_MEANT: Final = {
    "sources": "a list of the stems, in the order of the training",
    "band_SR": "three shares that add up to 1",
    "band_stride": "three whole numbers",
    "nfft": f"a whole number, {_SHORTEST_STFT} to {_LONGEST_STFT}",
    "hop_size": "a whole number",
    "normalized": "true or false",
    "normalise": " or ".join(f'"{each}"' for each in NORMALISE),
}


def _listed(state: State, name: str) -> int:
    """How many layers there are of a name with a number in it, from 0 on."""
    numbers = takewhile(lambda number: name.format(number) in state, count())
    return min(sum(1 for _ in numbers), _MOST_LAYERS)


def _size(state: State, name: str, axis: int) -> int:
    """Size of a parameter along an axis; 1 where there is no such parameter, or no size."""
    array = state.get(name)
    return 1 if array is None or array.ndim <= axis else max(1, int(array.shape[axis]))
