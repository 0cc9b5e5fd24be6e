"""HTDemucs, the hybrid transformer of Demucs v4, as a channels-last graph.

Rouard, Massa, Défossez: *Hybrid Transformers for Music Source Separation* (arXiv 2211.08553);
reference: class ``HTDemucs`` of ``demucs`` 4.1.0 (``demucs/htdemucs.py``,
``demucs/transformer.py``), whose parameter names the state dict uses.

The U-Nets are those of ``hybrid``; here is the transformer between them. A layer norm's affine map
is folded into the weights after it, LayerScale into those before it, the attention's scale into the
query's; positional embeddings are constants. The transformer sees its spectral tokens frequency
first instead of time first: attention does not care about the order of tokens, and their embedding
moves with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemwright.engine.graph import Graph, Node, Weights

from .hybrid import HybridNetwork, HybridShape
from .layers import NORM_EPSILON


@dataclass(frozen=True, slots=True)
class HTDemucsShape(HybridShape):
    """The constructor arguments of the reference class that change the graph."""

    depth: int = 4
    attention_heads: int = 8
    attention_layers: int = 5
    bottom_channels: int = 512
    max_period: float = 10000.0


def build(graph: Graph[Node], state: Mapping[str, Weights], shape: HTDemucsShape) -> None:
    """Add the network to ``graph``; inputs and outputs as :class:`HybridNetwork` has them."""
    _HTDemucs(graph, state, shape).build()


class _HTDemucs(HybridNetwork[Node]):
    def __init__(
        self, graph: Graph[Node], state: Mapping[str, Weights], shape: HTDemucsShape
    ) -> None:
        super().__init__(graph, state, shape)
        self.config = shape

    def u_net(self, freq: Node, time: Node) -> tuple[Node, Node]:
        graph = self.graph
        freq_skips, time_skips, time_lengths = self.encode(freq, time, self.config.depth)
        freq, time = self._bottleneck(freq_skips[-1], time_skips[-1])
        for index in range(self.config.depth):
            last = index == self.config.depth - 1
            freq = self.decode_freq(graph.add(freq, freq_skips.pop()), f"decoder.{index}")
            time = self.decode_time(
                graph.add(time, time_skips.pop()), f"tdecoder.{index}", time_lengths.pop()
            )
            if not last:
                freq, time = graph.gelu(self.interleave_bands(freq)), graph.gelu(time)
        return freq, time

    def _bottleneck(self, freq: Node, time: Node) -> tuple[Node, Node]:
        graph = self.graph
        _, bands, frames, channels = graph.shape(freq)
        freq = graph.reshape(freq, (1, bands * frames, channels))
        if self.config.bottom_channels:
            freq = self.pointwise(freq, "channel_upsampler")
            time = self.pointwise(time, "channel_upsampler_t")
        freq, time = self._transform(freq, time, bands, frames)
        if self.config.bottom_channels:
            freq = self.pointwise(freq, "channel_downsampler")
            time = self.pointwise(time, "channel_downsampler_t")
        return graph.reshape(freq, (1, bands, frames, channels)), time

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
        return self.whole_norm(graph.add(value, hidden), f"{name}.norm_out")

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
        heads = self.config.attention_heads
        split = (self.split_heads(each, heads) for each in (queries, keys, values))
        merged = self.merge_heads(graph.attention(*split))
        return self._scaled_linear(merged, f"{name}.out_proj", layer_scale)

    def _scaled_linear(self, value: Node, name: str, layer_scale: str) -> Node:
        scale = self.state[layer_scale]
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return self.graph.linear(value, weight * scale[:, None], bias * scale)

    def _layer_norm(self, value: Node, name: str) -> Node:
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return self.affine(self._standard(value), weight, bias)

    def _standard(self, value: Node) -> Node:
        """Layer normalisation without its affine map, which folds into what comes next."""
        return self.graph.normalise(value, (-1,), NORM_EPSILON)

    def _folded(self, norm: str, weight: Weights, bias: Weights) -> tuple[Weights, Weights]:
        """Put the affine map of a layer norm into the linear map that follows it."""
        gain, shift = self.state[f"{norm}.weight"], self.state[f"{norm}.bias"]
        return weight * gain, bias + weight @ shift


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
