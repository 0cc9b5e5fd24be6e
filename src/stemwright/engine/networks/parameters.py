"""What every parameter of a whole network is called, and its shape.

The names are those of the reference classes' ``state_dict()``, in the order stemwright stores them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

Shapes: TypeAlias = dict[str, tuple[int, ...]]
_Shape: TypeAlias = tuple[str, tuple[int, ...]]

_DEPTH: Final = 4
"""Layers with a branch over frequencies and one over time."""
_CHANNELS: Final = 48
_AUDIO_CHANNELS: Final = 2
_KERNEL: Final = 8
_INNER_KERNEL: Final = 4
_FREQUENCIES: Final = 512
_TRANSFORMER_LAYERS: Final = 5
_HEADS: Final = 4
_RATES: Final = 4
_BRANCHES: Final = (("", 2, (_KERNEL, 1)), ("t", 1, (_KERNEL,)))
"""Prefix, planes and kernel; the spectrogram has a real and an imaginary plane."""


def htdemucs_shapes(*, sources: int, bottom_channels: int) -> Shapes:
    """Parameters of HTDemucs.

    ``bottom_channels`` is the width of the transformer where 1x1 convolutions lead into it
    (``htdemucs``: 512); 0 where it has the width of the innermost encoder (``htdemucs_6s``).
    """
    inner = _CHANNELS * 2 ** (_DEPTH - 1)
    width = bottom_channels or inner
    shapes: Shapes = {}
    for branch, planes, kernel in _BRANCHES:
        layers = _Layers(_CHANNELS, kernel, compression=8, residual_decoder=True)
        channels = _AUDIO_CHANNELS * planes
        shapes.update(layers.encoder(f"{branch}encoder", channels))
        shapes.update(layers.decoder(f"{branch}decoder", 0, sources * channels))
    shapes["freq_emb.embedding.weight"] = (_FREQUENCIES, _CHANNELS)
    for branch in ("", "_t") if bottom_channels else ():
        shapes.update(_layer(f"channel_upsampler{branch}", (width, inner, 1)))
        shapes.update(_layer(f"channel_downsampler{branch}", (inner, width, 1)))
    shapes.update(_transformer_shapes(width))
    return shapes


def hdemucs_shapes(
    *, sources: int, channels: int = 48, compression: int = 4, residual_decoder: bool = False
) -> Shapes:
    """Parameters of HDemucs; by default those of the networks its authors published.

    ``channels`` come out of the first layer, ``compression`` divides them inside a residual
    branch, and ``residual_decoder`` says whether decoders have such branches, too.
    """
    shapes: Shapes = {}
    for branch, planes, kernel in _BRANCHES:
        layers = _Layers(channels, kernel, compression, residual_decoder)
        inputs = _AUDIO_CHANNELS * planes
        shapes.update(layers.encoder(f"{branch}encoder", inputs))
        # the waveform meets the spectrum after one layer more, the spectrum has two of its own
        inner = 1 if branch else 2
        shapes.update(layers.decoder(f"{branch}decoder", inner, sources * inputs))
    merged = channels * 2**_DEPTH
    shapes.update(_layer(f"tencoder.{_DEPTH}.conv", (merged, merged // 2, _KERNEL)))
    shapes.update(_transposed("tdecoder.0", (merged, merged // 2, _KERNEL)))
    for place, size in enumerate((merged, 2 * merged)):
        residual = _residual_shapes(size, compression, looking=True)
        shapes.update(_inner_encoder_shapes(f"encoder.{_DEPTH + place}", size, place, residual))
        residual = residual if residual_decoder else ()
        shapes.update(_inner_decoder_shapes(f"decoder.{1 - place}", size, place, residual))
    shapes["freq_emb.embedding.weight"] = (_FREQUENCIES, channels)
    return shapes


@dataclass(frozen=True, slots=True)
class SCNetSizes:
    """What an SCNet's weights show of its making."""

    stems: int = 4
    dims: tuple[int, ...] = (4, 32, 64, 128)
    """Channels of the spectrum and after every encoder layer."""
    kernels: tuple[int, ...] = (3, 4, 16)
    """Rows that a layer sees at once of the low, the middle and the high band."""
    depths: tuple[int, ...] = (3, 2, 1)
    """Residual convolutions in each of them."""
    hidden: tuple[int, ...] = (8, 16, 32)
    """Channels inside of those, of every encoder layer."""
    taps: int = 3
    recurrences: int = 6
    expand: int = 1
    """Hidden size of the LSTMs, over the channels they see."""
    masked_bins: int = 0
    """Frequencies that have an embedding, where the network ends in a mask."""


def scnet_shapes(sizes: SCNetSizes) -> Shapes:
    """Parameters of SCNet."""
    shapes: Shapes = {}
    if sizes.masked_bins:
        shapes["pos_embed_f"] = (1, sizes.dims[0], sizes.masked_bins, 1)
    for level, (inputs, outputs) in enumerate(pairwise(sizes.dims)):
        shapes.update(_within(f"encoder.{level}", _scnet_encoder(sizes, level, inputs, outputs)))
    inward = list(pairwise(sizes.dims))[::-1]
    for level, (outputs, inputs) in enumerate(inward):
        last = level == len(inward) - 1
        shapes.update(_layer(f"decoder.{level}.0.conv", (2 * inputs, 2 * inputs, 3, 3)))
        for band, kernel in enumerate(sizes.kernels):
            name, given = (
                f"decoder.{level}.1.convtrs.{band}",
                outputs * (sizes.stems if last else 1),
            )
            shapes[f"{name}.weight"] = (inputs, given, kernel, 1)
            shapes[f"{name}.bias"] = (given,)
    for index in range(sizes.recurrences):
        width = sizes.dims[-1] * (1 + index % 2)
        name = f"separation_net.dp_modules.{index}"
        shapes.update(_within(name, _scnet_recurrence(width, width * sizes.expand)))
    if sizes.masked_bins:
        shapes.update(_layer("mask_layer.0", (_MASK_CHANNELS, 4 * sizes.stems, 3, 3)))
        shapes.update(_layer("mask_layer.2", (4 * sizes.stems, _MASK_CHANNELS, 1, 1)))
    return shapes


_MASK_CHANNELS: Final = 64


def _scnet_encoder(sizes: SCNetSizes, level: int, inputs: int, outputs: int) -> Iterator[_Shape]:
    for band, kernel in enumerate(sizes.kernels):
        yield from _layer(f"SDlayer.convs.{band}", (outputs, inputs, kernel, 1))
    hidden = sizes.hidden[level]
    for band, depth in enumerate(sizes.depths):
        for place in range(depth):
            name = f"conv_modules.{band}.layers.{place}"
            yield from _layer(f"{name}.0", (outputs,))
            yield from _layer(f"{name}.1", (2 * hidden, outputs, sizes.taps))
            yield from _layer(f"{name}.3", (hidden, 1, sizes.taps))
            yield from _layer(f"{name}.4", (hidden,))
            yield from _layer(f"{name}.6", (outputs, hidden, 1))
    yield from _layer("globalconv", (outputs, outputs, 3, 3))


def _scnet_recurrence(width: int, hidden: int) -> Iterator[_Shape]:
    for path in range(2):
        for suffix in ("l0", "l0_reverse"):
            yield f"lstm_layers.{path}.weight_ih_{suffix}", (4 * hidden, width)
            yield f"lstm_layers.{path}.weight_hh_{suffix}", (4 * hidden, hidden)
            yield f"lstm_layers.{path}.bias_ih_{suffix}", (4 * hidden,)
            yield f"lstm_layers.{path}.bias_hh_{suffix}", (4 * hidden,)
    for path in range(2):
        yield from _layer(f"linear_layers.{path}", (width, 2 * hidden))
    for path in range(2):
        yield from _layer(f"norm_layers.{path}", (width,))


@dataclass(frozen=True, slots=True)
class _Layers:
    """The outer layers of one branch."""

    channels: int
    kernel: tuple[int, ...]
    compression: int
    residual_decoder: bool

    def encoder(self, name: str, inputs: int) -> Iterator[_Shape]:
        pointwise = (1,) * len(self.kernel)
        for level in range(_DEPTH):
            layer, outputs = f"{name}.{level}", self.channels * 2**level
            yield from _layer(f"{layer}.conv", (outputs, inputs, *self.kernel))
            yield from _layer(f"{layer}.rewrite", (2 * outputs, outputs, *pointwise))
            yield from _within(layer, _residual_shapes(outputs, self.compression))
            inputs = outputs

    def decoder(self, name: str, first: int, last: int) -> Iterator[_Shape]:
        context = (3,) * len(self.kernel)
        for level in range(_DEPTH):
            layer, inputs = f"{name}.{first + level}", self.channels * 2 ** (_DEPTH - 1 - level)
            outputs = inputs // 2 if level < _DEPTH - 1 else last
            # A transposed convolution: torch stores inputs first.
            yield f"{layer}.conv_tr.weight", (inputs, outputs, *self.kernel)
            yield f"{layer}.conv_tr.bias", (outputs,)
            yield from _layer(f"{layer}.rewrite", (2 * inputs, inputs, *context))
            if self.residual_decoder:
                yield from _within(layer, _residual_shapes(inputs, self.compression))


def _inner_encoder_shapes(
    name: str, channels: int, place: int, residual: Iterable[_Shape]
) -> Iterator[_Shape]:
    """An encoder layer of the joined branches; ``place`` 0 still has a kernel over bands."""
    kernel, pointwise = ((_INNER_KERNEL,), (1,)) if place else ((_KERNEL, 1), (1, 1))
    yield from _layer(f"{name}.conv", (channels, channels // 2, *kernel))
    yield from _layer(f"{name}.norm1", (channels,))
    yield from _layer(f"{name}.rewrite", (2 * channels, channels, *pointwise))
    yield from _layer(f"{name}.norm2", (2 * channels,))
    yield from _within(name, residual)


def _inner_decoder_shapes(
    name: str, channels: int, place: int, residual: Iterable[_Shape]
) -> Iterator[_Shape]:
    kernel, context = ((_INNER_KERNEL,), (3,)) if place else ((_KERNEL, 1), (3, 3))
    yield from _transposed(name, (channels, channels // 2, *kernel))
    yield from _layer(f"{name}.rewrite", (2 * channels, channels, *context))
    yield from _layer(f"{name}.norm1", (2 * channels,))
    yield from _within(name, residual)


def _transposed(name: str, weight: tuple[int, ...]) -> Iterator[_Shape]:
    """A transposed convolution with its norm; torch stores inputs first."""
    yield f"{name}.conv_tr.weight", weight
    yield f"{name}.conv_tr.bias", weight[1:2]
    yield from _layer(f"{name}.norm2", weight[1:2])


def _within(name: str, shapes: Iterable[_Shape]) -> Iterator[_Shape]:
    return ((f"{name}.{part}", shape) for part, shape in shapes)


def _residual_shapes(
    channels: int, compression: int, *, looking: bool = False
) -> tuple[_Shape, ...]:
    """``DConv``; a looking one has an LSTM and a local attention between its convolutions."""
    return tuple(_residual(channels, channels // compression, looking=looking))


def _residual(channels: int, hidden: int, *, looking: bool) -> Iterator[_Shape]:
    place = 5 if looking else 3
    for index in range(2):
        layer = f"dconv.layers.{index}"
        yield from _layer(f"{layer}.0", (hidden, channels, 3))
        yield from _layer(f"{layer}.1", (hidden,))
        if looking:
            yield from _within(f"{layer}.3", _lstm_shapes(hidden))
            yield from _within(f"{layer}.4", _local_attention_shapes(hidden))
        yield from _layer(f"{layer}.{place}", (2 * channels, hidden, 1))
        yield from _layer(f"{layer}.{place + 1}", (2 * channels,))
        yield f"{layer}.{place + 3}.scale", (channels,)


def _lstm_shapes(width: int) -> Iterator[_Shape]:
    for level, inputs in enumerate((width, 2 * width)):
        for direction in ("", "_reverse"):
            suffix = f"l{level}{direction}"
            yield f"lstm.weight_ih_{suffix}", (4 * width, inputs)
            yield f"lstm.weight_hh_{suffix}", (4 * width, width)
            yield f"lstm.bias_ih_{suffix}", (4 * width,)
            yield f"lstm.bias_hh_{suffix}", (4 * width,)
    yield from _layer("linear", (width, 2 * width))


def _local_attention_shapes(width: int) -> Iterator[_Shape]:
    for name in ("content", "query", "key", "proj"):
        yield from _layer(name, (width, width, 1))
    yield from _layer("query_decay", (_HEADS * _RATES, width, 1))


def _transformer_shapes(width: int) -> Iterator[_Shape]:
    yield from _layer("crosstransformer.norm_in", (width,))
    yield from _layer("crosstransformer.norm_in_t", (width,))
    for branch in ("layers", "layers_t"):
        for index in range(_TRANSFORMER_LAYERS):
            layer = f"crosstransformer.{branch}.{index}"
            yield from _attention_shapes(layer, width, cross=index % 2 == 1)


def _attention_shapes(name: str, width: int, *, cross: bool) -> Iterator[_Shape]:
    attention = f"{name}.{'cross' if cross else 'self'}_attn"
    yield f"{attention}.in_proj_weight", (3 * width, width)
    yield f"{attention}.in_proj_bias", (3 * width,)
    yield from _layer(f"{attention}.out_proj", (width, width))
    yield from _layer(f"{name}.linear1", (4 * width, width))
    yield from _layer(f"{name}.linear2", (width, 4 * width))
    for norm in ("norm1", "norm2", *(["norm3"] if cross else []), "norm_out"):
        yield from _layer(f"{name}.{norm}", (width,))
    yield f"{name}.gamma_1.scale", (width,)
    yield f"{name}.gamma_2.scale", (width,)


def _layer(name: str, weight: tuple[int, ...]) -> Iterable[_Shape]:
    """Give a weight and its bias, one value per output."""
    return (f"{name}.weight", weight), (f"{name}.bias", weight[:1])
