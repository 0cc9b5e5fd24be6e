"""HTDemucs, the hybrid transformer of Demucs v4, as a channels-last graph.

Rouard, Massa, Défossez: *Hybrid Transformers for Music Source Separation* (arXiv 2211.08553);
reference: class ``HTDemucs`` of ``demucs`` 4.1.0 (``demucs/htdemucs.py``, ``demucs/hdemucs.py``,
``demucs/demucs.py``, ``demucs/transformer.py``), whose parameter names the state dict uses.

Same function, other shape. Where the reference reorders memory we do not: activations are
channels last throughout; a transposed convolution is an ordinary one of half the kernel whose
output channels interleave into time or frequency; LayerScale is folded into the weights before
it, a layer norm's affine map into those after it, the attention's scale into the query's;
positional embeddings are constants. The transformer sees its spectral tokens frequency first
instead of time first: attention does not care about the order of tokens, and their embedding moves
with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from stemwright.engine.graph import Graph, Node, Weights

NORM_EPSILON = 1e-5
STRIDE = 4
"""Every encoder layer divides frequency or time by this, every decoder layer multiplies it."""
SPARE_BINS = 2
"""What a transposed convolution gives beyond either edge and the reference crops.

The graph leaves them on the spectra, where NumPy drops them for nothing.
"""


@dataclass(frozen=True, slots=True)
class HTDemucsShape:
    """The constructor arguments of the reference class that change the graph."""

    sources: tuple[str, ...]
    segment_samples: int
    channels: int = 48
    depth: int = 4
    n_fft: int = 4096
    attention_heads: int = 8
    attention_layers: int = 5
    bottom_channels: int = 512
    freq_embedding_scale: float = 0.2 * 10.0
    max_period: float = 10000.0

    @property
    def hop_samples(self) -> int:
        """Hop length of the STFT, in samples."""
        return self.n_fft // 4

    @property
    def frames(self) -> int:
        """STFT frames of one segment."""
        return -(-self.segment_samples // self.hop_samples)


def build(graph: Graph[Node], state: Mapping[str, Weights], shape: HTDemucsShape) -> None:
    """Add the network to ``graph``.

    Inputs: ``mixture`` [1, time, 2] and ``spectrum`` [2, frames, n_fft/2, 2], the STFT of each
    channel without its Nyquist bin, real and imaginary part last. Outputs: ``waveforms``
    [sources * 2, time] and ``spectra`` [sources * 2, frames, n_fft/2 + 4, 2] with two bins too
    many at either end (:data:`SPARE_BINS`); their sum, the second one transformed back, is the
    separated segment.
    """
    _HTDemucs(graph, state, shape).build()


def without_spare_bins(spectra: NDArray[np.float32]) -> NDArray[np.float32]:
    """View the ``spectra`` output as ``[sources * 2, frames, n_fft/2, 2]``."""
    return spectra[:, :, SPARE_BINS:-SPARE_BINS]


class _HTDemucs(Generic[Node]):
    def __init__(
        self, graph: Graph[Node], state: Mapping[str, Weights], shape: HTDemucsShape
    ) -> None:
        self.graph = graph
        self.state = state
        self.config = shape

    def build(self) -> None:
        graph, config = self.graph, self.config
        bins = config.n_fft // 2
        mixture = graph.input("mixture", (1, config.segment_samples, 2))
        spectrum = graph.input("spectrum", (2, config.frames, bins, 2))
        freq, freq_mean, freq_deviation = self._standardise(spectrum)
        time, time_mean, time_deviation = self._standardise(mixture)
        # complex as channels: left real, left imaginary, right real, right imaginary
        freq = graph.transpose(freq, (2, 1, 0, 3))
        freq = graph.reshape(freq, (1, bins, config.frames, 4))

        freq, time = self._u_net(freq, time)

        stereo_sources = 2 * len(config.sources)
        blocks = bins // STRIDE + 1
        freq = graph.reshape(freq, (blocks, config.frames, STRIDE, stereo_sources, 2))
        freq = graph.transpose(freq, (3, 1, 0, 2, 4))
        freq = graph.reshape(freq, (stereo_sources, config.frames, blocks * STRIDE, 2))
        time = graph.transpose(graph.reshape(time, graph.shape(time)[1:]), (1, 0))
        graph.output("spectra", self._destandardise(freq, freq_mean, freq_deviation))
        time_statistics = (graph.reshape(each, (1, 1)) for each in (time_mean, time_deviation))
        graph.output("waveforms", self._destandardise(time, *time_statistics))

    def _standardise(self, value: Node) -> tuple[Node, Node, Node]:
        """Normalise a whole input; the deviation is the unbiased one, as in the reference."""
        graph = self.graph
        shape = graph.shape(value)
        count, axes = int(np.prod(shape)), tuple(range(len(shape)))
        mean = graph.mean(value, axes)
        centred = graph.subtract(value, mean)
        variance = graph.mean(graph.multiply(centred, centred), axes)
        deviation = graph.sqrt(graph.multiply(variance, np.array(count / (count - 1), np.float32)))
        scaled = graph.divide(centred, graph.add(deviation, np.array(NORM_EPSILON, np.float32)))
        return scaled, mean, deviation

    def _destandardise(self, value: Node, mean: Node, deviation: Node) -> Node:
        return self.graph.add(self.graph.multiply(value, deviation), mean)

    def _u_net(self, freq: Node, time: Node) -> tuple[Node, Node]:
        graph = self.graph
        freq_skips, time_skips, time_lengths = [], [], []
        for index in range(self.config.depth):
            time_lengths.append(graph.shape(time)[1])
            time = self._encode_time(time, f"tencoder.{index}")
            freq = self._encode_freq(freq, f"encoder.{index}")
            if index == 0:
                freq = self._embed_frequencies(freq)
            time_skips.append(time)
            freq_skips.append(freq)
        freq, time = self._bottleneck(freq, time)
        for index in range(self.config.depth):
            last = index == self.config.depth - 1
            freq = self._decode_freq(graph.add(freq, freq_skips.pop()), f"decoder.{index}")
            time = self._decode_time(
                graph.add(time, time_skips.pop()), f"tdecoder.{index}", time_lengths.pop()
            )
            if not last:
                freq, time = graph.gelu(self._interleave(freq)), graph.gelu(time)
        return freq, time

    # ------------------------------------------------------------------ encoder and decoder

    def _encode_freq(self, value: Node, name: str) -> Node:
        value = self._convolve(value, f"{name}.conv", (STRIDE, 1), (2, 0), (2, 0))
        value = self._residual_rows(self.graph.gelu(value), name)
        return self._gated(value, f"{name}.rewrite", context=0)

    def _encode_time(self, value: Node, name: str) -> Node:
        padding = -self.graph.shape(value)[1] % STRIDE
        value = self._convolve(value, f"{name}.conv", (STRIDE,), (2,), (2 + padding,))
        value = self._residual(self.graph.gelu(value), name)
        return self._gated(value, f"{name}.rewrite", context=0)

    def _decode_freq(self, value: Node, name: str) -> Node:
        value = self._residual_rows(self._gated(value, f"{name}.rewrite", context=1), name)
        return self._upsample_freq(value, f"{name}.conv_tr")

    def _decode_time(self, value: Node, name: str, length: int) -> Node:
        value = self._residual(self._gated(value, f"{name}.rewrite", context=1), name)
        return self._upsample_time(value, f"{name}.conv_tr", length)

    def _convolve(
        self,
        value: Node,
        name: str,
        stride: tuple[int, ...],
        pad_begin: tuple[int, ...],
        pad_end: tuple[int, ...],
    ) -> Node:
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return self.graph.convolution(
            value, weight, bias, stride=stride, pad_begin=pad_begin, pad_end=pad_end
        )

    def _gated(self, value: Node, name: str, *, context: int) -> Node:
        """Convolve to twice the channels and gate one half by the other (GLU)."""
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        if context == 0:
            value = self.graph.linear(value, weight.reshape(weight.shape[:2]), bias)
        else:
            pad = (context,) * (weight.ndim - 2)
            value = self._convolve(value, name, (1,) * len(pad), pad, pad)
        return self._gate(value)

    def _gate(self, value: Node) -> Node:
        kept, gate = self.graph.halves(value)
        return self.graph.multiply(kept, self.graph.sigmoid(gate))

    def _upsample_freq(self, value: Node, name: str) -> Node:
        """Give blocks of four bands as channels, for :meth:`_interleave`."""
        graph = self.graph
        weight, bias = _interleaving_kernel(self.state, name)
        return graph.convolution(
            value, weight, bias, stride=(1, 1), pad_begin=(1, 0), pad_end=(1, 0)
        )

    def _interleave(self, value: Node) -> Node:
        """Turn ``[1, blocks, frames, 4 * channels]`` into four times the bands, cropped."""
        graph = self.graph
        _, blocks, frames, _ = graph.shape(value)
        value = graph.reshape(value, (blocks, frames, STRIDE, -1))
        value = graph.transpose(value, (0, 2, 1, 3))
        value = graph.reshape(value, (1, blocks * STRIDE, frames, -1))
        return graph.slice(value, 1, SPARE_BINS, blocks * STRIDE - SPARE_BINS)

    def _upsample_time(self, value: Node, name: str, length: int) -> Node:
        graph = self.graph
        weight, bias = _interleaving_kernel(self.state, name)
        steps = graph.shape(value)[1]
        value = graph.convolution(value, weight, bias, stride=(1,), pad_begin=(1,), pad_end=(1,))
        value = graph.reshape(value, (1, (steps + 1) * STRIDE, -1))
        return graph.slice(value, 1, SPARE_BINS, SPARE_BINS + length)

    # ------------------------------------------------------------------ residual branches

    def _residual_rows(self, value: Node, name: str) -> Node:
        """Apply the residual branch to every frequency row on its own."""
        shape = self.graph.shape(value)
        return self.graph.reshape(self._residual(self.graph.reshape(value, shape[1:]), name), shape)

    def _residual(self, value: Node, name: str) -> Node:
        """``DConv``: compressed, dilated convolutions over time added to ``[rows, time, ch]``."""
        graph, state = self.graph, self.state
        for depth in range(2):
            layer = f"{name}.dconv.layers.{depth}"
            dilation = 2**depth
            hidden = graph.convolution(
                value,
                state[f"{layer}.0.weight"],
                state[f"{layer}.0.bias"],
                stride=(1,),
                pad_begin=(dilation,),
                pad_end=(dilation,),
                dilation=(dilation,),
            )
            hidden = graph.gelu(self._group_norm(hidden, f"{layer}.1"))
            expand = state[f"{layer}.3.weight"]
            hidden = graph.linear(
                hidden, expand.reshape(expand.shape[:2]), state[f"{layer}.3.bias"]
            )
            value = graph.add(value, self._norm_gate_scale(hidden, layer))
        return value

    def _norm_gate_scale(self, value: Node, layer: str) -> Node:
        """Group norm, GLU and LayerScale, with the affine maps behind the split.

        Each half then goes through one fused elementwise kernel instead of two. LayerScale
        multiplies only the half that is not the gate, so it folds into that half's map.
        """
        weight, bias = self.state[f"{layer}.4.weight"], self.state[f"{layer}.4.bias"]
        scale = self.state[f"{layer}.6.scale"]
        channels = len(scale)
        kept, gate = self.graph.halves(self.graph.normalise(value, (1, 2), NORM_EPSILON))
        kept = self._affine(kept, weight[:channels] * scale, bias[:channels] * scale)
        gate = self._affine(gate, weight[channels:], bias[channels:])
        return self.graph.multiply(kept, self.graph.sigmoid(gate))

    def _group_norm(self, value: Node, name: str) -> Node:
        """Group normalisation with one group over ``[rows, time, channels]``."""
        normalised = self.graph.normalise(value, (1, 2), NORM_EPSILON)
        return self._affine(normalised, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def _affine(self, value: Node, weight: Weights, bias: Weights) -> Node:
        return self.graph.add(self.graph.multiply(value, weight), bias)

    # ------------------------------------------------------------------ transformer

    def _embed_frequencies(self, value: Node) -> Node:
        embedding = self.state["freq_emb.embedding.weight"] * self.config.freq_embedding_scale
        return self.graph.add(value, embedding[None, :, None, :].astype(np.float32))

    def _bottleneck(self, freq: Node, time: Node) -> tuple[Node, Node]:
        graph = self.graph
        _, bands, frames, channels = graph.shape(freq)
        freq = graph.reshape(freq, (1, bands * frames, channels))
        if self.config.bottom_channels:
            freq = self._pointwise(freq, "channel_upsampler")
            time = self._pointwise(time, "channel_upsampler_t")
        freq, time = self._transform(freq, time, bands, frames)
        if self.config.bottom_channels:
            freq = self._pointwise(freq, "channel_downsampler")
            time = self._pointwise(time, "channel_downsampler_t")
        return graph.reshape(freq, (1, bands, frames, channels)), time

    def _pointwise(self, value: Node, name: str) -> Node:
        weight = self.state[f"{name}.weight"]
        return self.graph.linear(
            value, weight.reshape(weight.shape[:2]), self.state[f"{name}.bias"]
        )

    def _transform(self, freq: Node, time: Node, bands: int, frames: int) -> tuple[Node, Node]:
        graph, period = self.graph, self.config.max_period
        _, tokens, width = graph.shape(time)
        freq = graph.add(
            self._layer_norm(freq, "crosstransformer.norm_in"),
            embedding_2d(width, bands, frames, period).reshape(1, bands * frames, width),
        )
        time = graph.add(
            self._layer_norm(time, "crosstransformer.norm_in_t"),
            embedding_1d(width, tokens, period)[None],
        )
        for index in range(self.config.attention_layers):
            freq_layer = f"crosstransformer.layers.{index}"
            time_layer = f"crosstransformer.layers_t.{index}"
            if index % 2 == 0:
                freq, time = self._self_layer(freq, freq_layer), self._self_layer(time, time_layer)
            else:
                freq, time = (
                    self._cross_layer(freq, time, freq_layer),
                    self._cross_layer(time, freq, time_layer),
                )
        return freq, time

    def _self_layer(self, value: Node, name: str) -> Node:
        query = self._standard(value)
        norms = (f"{name}.norm1", f"{name}.norm1")
        attended = self._attend(query, query, f"{name}.self_attn", norms, f"{name}.gamma_1.scale")
        return self._feed_forward(self.graph.add(value, attended), name, f"{name}.norm2")

    def _cross_layer(self, value: Node, other: Node, name: str) -> Node:
        query, key = self._standard(value), self._standard(other)
        norms = (f"{name}.norm1", f"{name}.norm2")
        attended = self._attend(query, key, f"{name}.cross_attn", norms, f"{name}.gamma_1.scale")
        return self._feed_forward(self.graph.add(value, attended), name, f"{name}.norm3")

    def _feed_forward(self, value: Node, name: str, norm: str) -> Node:
        graph, state = self.graph, self.state
        weight, bias = state[f"{name}.linear1.weight"], state[f"{name}.linear1.bias"]
        hidden = graph.linear(self._standard(value), *self._folded(norm, weight, bias))
        hidden = graph.gelu(hidden)
        hidden = self._scaled_linear(hidden, f"{name}.linear2", f"{name}.gamma_2.scale")
        return self._group_norm(graph.add(value, hidden), f"{name}.norm_out")

    def _attend(
        self, query: Node, key: Node, name: str, norms: tuple[str, str], layer_scale: str
    ) -> Node:
        graph = self.graph
        weight, bias = self.state[f"{name}.in_proj_weight"], self.state[f"{name}.in_proj_bias"]
        width = weight.shape[1]
        scale = np.float32((width // self.config.attention_heads) ** -0.5)
        weights, biases = np.split(weight, 3), np.split(bias, 3)
        of_query, of_key = norms
        queries = graph.linear(
            query, *self._folded(of_query, weights[0] * scale, biases[0] * scale)
        )
        keys = graph.linear(key, *self._folded(of_key, weights[1], biases[1]))
        values = graph.linear(key, *self._folded(of_key, weights[2], biases[2]))
        attended = graph.attention(*(self._split_heads(each) for each in (queries, keys, values)))
        merged = graph.reshape(graph.transpose(attended, (0, 2, 1, 3)), graph.shape(queries))
        return self._scaled_linear(merged, f"{name}.out_proj", layer_scale)

    def _split_heads(self, value: Node) -> Node:
        batch, tokens, width = self.graph.shape(value)
        heads = self.config.attention_heads
        value = self.graph.reshape(value, (batch, tokens, heads, width // heads))
        return self.graph.transpose(value, (0, 2, 1, 3))

    def _scaled_linear(self, value: Node, name: str, layer_scale: str) -> Node:
        scale = self.state[layer_scale]
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return self.graph.linear(value, weight * scale[:, None], bias * scale)

    def _layer_norm(self, value: Node, name: str) -> Node:
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return self._affine(self._standard(value), weight, bias)

    def _standard(self, value: Node) -> Node:
        """Layer normalisation without its affine map, which folds into what comes next."""
        return self.graph.normalise(value, (-1,), NORM_EPSILON)

    def _folded(self, norm: str, weight: Weights, bias: Weights) -> tuple[Weights, Weights]:
        """Put the affine map of a layer norm into the linear map that follows it."""
        gain, shift = self.state[f"{norm}.weight"], self.state[f"{norm}.bias"]
        return weight * gain, bias + weight @ shift


def _interleaving_kernel(state: Mapping[str, Weights], name: str) -> tuple[Weights, Weights]:
    """Rewrite a transposed convolution (kernel 8, stride 4) as a convolution (kernel 2, stride 1).

    Output block ``g`` of four samples, ``4g - 2 .. 4g + 1`` after the reference's cropping of two,
    is ``first half of the kernel * input[g] + second half * input[g - 1]``. The four samples come
    out as channels, sample first: ``[4 * out, in, 2(, 1)]``.
    """
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    inputs, outputs = weight.shape[:2]
    taps = weight.reshape(inputs, outputs, 2 * STRIDE)
    pairs = np.stack([taps[:, :, STRIDE:], taps[:, :, :STRIDE]], axis=-1)
    kernel = pairs.transpose(2, 1, 0, 3).reshape(STRIDE * outputs, inputs, 2)
    trailing = (1,) * (weight.ndim - 3)
    return kernel.reshape(*kernel.shape, *trailing), np.tile(bias, STRIDE)


def embedding_1d(width: int, length: int, max_period: float) -> NDArray[np.float32]:
    """Sinusoidal embedding of positions in time, ``[length, width]``: cosines, then sines."""
    half = width // 2
    phase = np.arange(length)[:, None] / max_period ** (np.arange(half)[None, :] / (half - 1))
    return np.concatenate([np.cos(phase), np.sin(phase)], axis=1).astype(np.float32)


def embedding_2d(width: int, bands: int, frames: int, max_period: float) -> NDArray[np.float32]:
    """Sinusoidal embedding of positions in frequency and time, ``[bands, frames, width]``.

    The first half of the channels tells the frame, the second half the band, sines and cosines
    alternating.
    """
    half = width // 2
    rate = np.exp(np.arange(0.0, half, 2) * -(np.log(max_period) / half))
    embedding = np.zeros((bands, frames, width), np.float32)
    in_time = np.arange(frames)[:, None] * rate
    in_frequency = np.arange(bands)[:, None] * rate
    embedding[:, :, 0:half:2] = np.sin(in_time)[None]
    embedding[:, :, 1:half:2] = np.cos(in_time)[None]
    embedding[:, :, half::2] = np.sin(in_frequency)[:, None]
    embedding[:, :, half + 1 :: 2] = np.cos(in_frequency)[:, None]
    return embedding
