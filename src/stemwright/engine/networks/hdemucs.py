"""HDemucs, the hybrid network of Demucs v3, as a channels-last graph.

Défossez: *Hybrid Spectrogram and Waveform Source Separation* (arXiv 2111.03600); reference: class
``HDemucs`` of ``demucs`` 4.1.0 (``demucs/hdemucs.py``; ``BLSTM`` and ``LocalState`` in
``demucs/demucs.py``), whose parameter names the state dict uses.

Four layers like those of ``hybrid``; then the spectrum is down to eight bands, one more layer makes
one of them, the waveform has as many steps as the spectrum frames, and both branches are one. Its
last layers go over time alone. In their residual branches an LSTM and an attention that fades with
distance look along the segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stemwright.engine.graph import Graph, Node, Weights

from .hybrid import STRIDE, HybridNetwork, HybridShape

_SELF = np.float32(-1e9)
"""Added to the score of a token with itself; the reference puts -100 there, to the same effect."""


@dataclass(frozen=True, slots=True)
class HDemucsShape(HybridShape):
    """The constructor arguments of the reference class that change the graph."""

    depth: int = 6
    time_stride: int = 2
    attention_heads: int = 4
    lstm_steps: int = 200
    """An LSTM sees windows of this many steps, half overlapping; even by four."""


def build(graph: Graph[Node], state: Mapping[str, Weights], shape: HDemucsShape) -> None:
    """Add the network to ``graph``; inputs and outputs as :class:`HybridNetwork` has them."""
    _HDemucs(graph, state, shape).build()


class _HDemucs(HybridNetwork[Node]):
    def __init__(
        self, graph: Graph[Node], state: Mapping[str, Weights], shape: HDemucsShape
    ) -> None:
        super().__init__(graph, state, shape)
        self.config = shape
        self.merged = shape.depth - 2
        """Index of the encoder layer in which the branches meet."""

    def u_net(self, freq: Node, time: Node) -> tuple[Node, Node]:
        graph = self.graph
        freq_skips, time_skips, lengths = self.encode(freq, time, self.merged)
        freq, time = self._inner(freq_skips[-1], time_skips[-1])
        for index in range(2, self.config.depth):
            last = index == self.config.depth - 1
            freq = self.decode_freq(graph.add(freq, freq_skips.pop()), f"decoder.{index}")
            time = graph.add(time, time_skips.pop())
            time = self.decode_time(time, f"tdecoder.{index - 1}", lengths.pop())
            if not last:
                freq, time = graph.gelu(self.interleave_bands(freq)), graph.gelu(time)
        return freq, time

    # ------------------------------------------------------------------ where the branches are one

    def _inner(self, freq: Node, time: Node) -> tuple[Node, Node]:
        """From eight bands to one, through the innermost layer, and back to two branches."""
        graph = self.graph
        steps, frames = graph.shape(time)[1], graph.shape(freq)[2]
        merged = self._merge(freq, time, f"encoder.{self.merged}")
        inner = self._encode_inner(merged, f"encoder.{self.merged + 1}")
        # the innermost decoder starts from zeros: all it knows comes over its skip
        value = self.gated(inner, "decoder.0.rewrite", "decoder.0.norm1")
        value = self.residual(value, "decoder.0.dconv")
        value = graph.gelu(self.upsample_time(value, "decoder.0", frames))
        value = self._gated_row(graph.add(value, merged), "decoder.1")
        value = self.residual(value, "decoder.1.dconv")
        time = graph.gelu(self.upsample_time(value, "tdecoder.0", steps))
        return graph.gelu(self._to_bands(value, "decoder.1")), time

    def _merge(self, freq: Node, time: Node, name: str) -> Node:
        """Contract ``[1, 8, frames, channels]`` to ``[1, frames, channels]``, add the waveform."""
        graph = self.graph
        row = self.convolve(freq, f"{name}.conv", (STRIDE, 1), (0, 0), (0, 0))
        row = graph.reshape(row, (1, *graph.shape(row)[2:]))
        row = graph.add(row, self.downsample_time(time, f"t{name}"))
        return self._encode_row(row, name)

    def _encode_row(self, value: Node, name: str) -> Node:
        value = self.residual(self.graph.gelu(self.norm(value, f"{name}.norm1")), f"{name}.dconv")
        return self.gated(value, f"{name}.rewrite", f"{name}.norm2")

    def _encode_inner(self, value: Node, name: str) -> Node:
        stride = self.config.time_stride
        padding = -self.graph.shape(value)[1] % stride
        edge = stride // 2
        value = self.convolve(value, f"{name}.conv", (stride,), (edge,), (edge + padding,))
        return self._encode_row(value, name)

    def _gated_row(self, value: Node, name: str) -> Node:
        """Gate by a kernel over bands and time, of which one band meets only the middle row."""
        weight = self.state[f"{name}.rewrite.weight"]
        context = weight.shape[3] // 2
        value = self.graph.convolution(
            value,
            np.ascontiguousarray(weight[:, :, weight.shape[2] // 2]),
            self.state[f"{name}.rewrite.bias"],
            stride=(1,),
            pad_begin=(context,),
            pad_end=(context,),
        )
        return self.gate(self.norm(value, f"{name}.norm1"))

    def _to_bands(self, value: Node, name: str) -> Node:
        """Transposed convolution of one band: ``[1, frames, in]`` to ``[1, 8, frames, out]``."""
        graph = self.graph
        weight, bias = self.state[f"{name}.conv_tr.weight"], self.state[f"{name}.conv_tr.bias"]
        inputs, outputs, bands = weight.shape[:3]
        taps = weight.reshape(inputs, outputs, bands).transpose(2, 1, 0)
        value = graph.linear(value, taps.reshape(bands * outputs, inputs), np.tile(bias, bands))
        value = self.norm(graph.reshape(value, (1, -1, bands, outputs)), f"{name}.norm2")
        return graph.transpose(value, (0, 2, 1, 3))

    # ------------------------------------------------------------------ residual branches

    def within_branch(self, value: Node, layer: str) -> tuple[Node, int]:
        position = 3
        if f"{layer}.{position}.lstm.weight_ih_l0" in self.state:
            value = self._lstm(value, f"{layer}.{position}")
            position += 1
        if f"{layer}.{position}.query_decay.weight" in self.state:
            value = self._local_attention(value, f"{layer}.{position}")
            position += 1
        return value, position

    def _lstm(self, value: Node, name: str) -> Node:
        """``BLSTM``: a bidirectional LSTM of two layers, over windows if the input is long."""
        graph = self.graph
        steps = graph.shape(value)[1]
        windowed = steps > self.config.lstm_steps
        hidden = self._windows(value) if windowed else value
        for level in (0, 1):
            directions = (f"{name}.lstm", f"l{level}"), (f"{name}.lstm", f"l{level}_reverse")
            forward, backward = (self.lstm_weights(*each) for each in directions)
            hidden = graph.lstm(hidden, forward, backward)
        hidden = self.pointwise(hidden, f"{name}.linear")
        return graph.add(value, self._joined(hidden, steps) if windowed else hidden)

    def _windows(self, value: Node) -> Node:
        """Cut ``[1, steps, channels]`` into ``[windows, size, channels]``, half overlapping."""
        graph = self.graph
        _, steps, channels = graph.shape(value)
        half = self.config.lstm_steps // 2
        windows = -(-steps // half)
        silence = np.zeros((1, (windows + 1) * half - steps, channels), np.float32)
        value = graph.concatenate([value, silence], 1)
        value = graph.reshape(value, (windows + 1, half, channels))
        heads = graph.slice(value, 0, 0, windows)
        tails = graph.slice(value, 0, 1, windows + 1)
        return graph.concatenate([heads, tails], 1)

    def _joined(self, value: Node, steps: int) -> Node:
        """Keep the middle half of every window, of the outermost two also their outer quarter."""
        graph = self.graph
        windows, size, channels = graph.shape(value)
        quarter = size // 4
        first = graph.slice(graph.slice(value, 0, 0, 1), 1, 0, quarter)
        last = graph.slice(graph.slice(value, 0, windows - 1, windows), 1, size - quarter, size)
        middle = graph.slice(value, 1, quarter, size - quarter)
        middle = graph.reshape(middle, (1, windows * 2 * quarter, channels))
        return graph.slice(graph.concatenate([first, middle, last], 1), 1, 0, steps)

    def _local_attention(self, value: Node, name: str) -> Node:
        """``LocalState``: attention whose scores fall with distance, each query at its own rate."""
        graph, heads = self.graph, self.config.attention_heads
        _, tokens, width = graph.shape(value)
        scale = np.float32((width // heads) ** -0.5)
        weight, bias = self.state[f"{name}.query.weight"], self.state[f"{name}.query.bias"]
        query = graph.linear(value, weight.reshape(width, width) * scale, bias * scale)
        key, content = (
            self.pointwise(value, f"{name}.key"),
            self.pointwise(value, f"{name}.content"),
        )
        query, key, content = (self.split_heads(each, heads) for each in (query, key, content))
        attended = graph.attention(query, key, content, self._fading(value, name, tokens))
        return graph.add(value, self.pointwise(self.merge_heads(attended), f"{name}.proj"))

    def _fading(self, value: Node, name: str, tokens: int) -> Node:
        """What is added to the scores, ``[1, heads, queries, keys]``.

        The reference sums several rates of decay, each weighted by the query. All of them are
        linear in the distance, so their sum is one rate for each query and head.
        """
        graph, heads = self.graph, self.config.attention_heads
        weights = graph.sigmoid(self.pointwise(value, f"{name}.query_decay"))
        rates = self.state[f"{name}.query_decay.bias"].size // heads
        slopes = np.arange(1, rates + 1, dtype=np.float32) / (2 * np.sqrt(rates))
        summing = np.kron(np.eye(heads), slopes).astype(np.float32)
        rate = graph.linear(weights, summing, np.zeros(heads, np.float32))
        rate = graph.reshape(graph.transpose(rate, (0, 2, 1)), (1, heads, tokens, 1))
        places = np.arange(tokens, dtype=np.float32)
        nearness = -np.abs(places[:, None] - places[None, :])
        return graph.add(graph.multiply(rate, nearness), _SELF * np.eye(tokens, dtype=np.float32))
