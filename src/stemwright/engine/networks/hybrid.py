"""What the hybrid networks of Demucs v3 and v4 share: two U-Nets, over spectrum and waveform.

References: classes ``HEncLayer``, ``HDecLayer`` (``demucs/hdemucs.py``) and ``DConv``
(``demucs/demucs.py``) of ``demucs`` 4.1.0, whose parameter names the state dicts use.

Same function, other shape. Where the reference reorders memory we do not: activations are
channels last throughout; a transposed convolution is an ordinary one of half the kernel whose
output channels interleave into time or frequency; LayerScale is folded into the weights before it.
A part that a network does without (a norm, a residual branch) has no parameters in its state, and
is skipped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stemwright.engine.graph import Graph, Node, Weights

from .layers import NORM_EPSILON, NetworkBuilder

STRIDE = 4
"""Encoder layers divide frequency or time by this, decoder layers multiply it."""
SPARE_BINS = 2
"""What a transposed convolution gives beyond either edge and the reference crops.

The graph leaves them on the spectra, where NumPy drops them for nothing.
"""


@dataclass(frozen=True, slots=True)
class HybridShape:
    """The constructor arguments that both reference classes share and that change the graph."""

    sources: tuple[str, ...]
    segment_samples: int
    n_fft: int = 4096
    freq_embedding_scale: float = 0.2 * 10.0
    norm_groups: int = 4
    unpadded: bool = False
    """``hybrid_old`` of the first hybrid networks; see :class:`..spectral.SegmentTransform`."""

    normalised: ClassVar[bool] = True
    """Whether the network is to get songs normalised."""

    @property
    def hop_samples(self) -> int:
        """Hop length of the STFT, in samples."""
        return self.n_fft // 4

    @property
    def frames(self) -> int:
        """STFT frames of one segment."""
        return -(-self.segment_samples // self.hop_samples)


def without_spare_bins(spectra: NDArray[np.float32]) -> NDArray[np.float32]:
    """View the ``spectra`` output as ``[sources * 2, frames, n_fft/2, 2]``."""
    return spectra[:, :, SPARE_BINS:-SPARE_BINS]


class HybridNetwork(ABC, NetworkBuilder[Node]):
    """Builds a hybrid network; what lies between the layers is the subclass's.

    Inputs: ``mixture`` [1, time, 2] and ``spectrum`` [2, frames, n_fft/2, 2], the STFT of each
    channel without its Nyquist bin, real and imaginary part last. Outputs: ``waveforms``
    [sources * 2, time] and ``spectra`` [sources * 2, frames, n_fft/2 + 4, 2] with two bins too
    many at either end (:data:`SPARE_BINS`); their sum, the second one transformed back, is the
    separated segment.
    """

    def __init__(
        self, graph: Graph[Node], state: Mapping[str, Weights], shape: HybridShape
    ) -> None:
        super().__init__(graph, state)
        self.shape = shape

    @abstractmethod
    def u_net(self, freq: Node, time: Node) -> tuple[Node, Node]:
        """Map the standardised inputs to the last decoder layers' output, not yet interleaved."""

    def build(self) -> None:
        """Add the network to the graph."""
        graph, shape = self.graph, self.shape
        bins = shape.n_fft // 2
        mixture = graph.input("mixture", (1, shape.segment_samples, 2))
        spectrum = graph.input("spectrum", (2, shape.frames, bins, 2))
        freq, freq_mean, freq_deviation = self.standardise(spectrum)
        time, time_mean, time_deviation = self.standardise(mixture)
        # complex as channels: left real, left imaginary, right real, right imaginary
        freq = graph.transpose(freq, (2, 1, 0, 3))
        freq = graph.reshape(freq, (1, bins, shape.frames, 4))

        freq, time = self.u_net(freq, time)

        stereo_sources = 2 * len(shape.sources)
        blocks = bins // STRIDE + 1
        freq = graph.reshape(freq, (blocks, shape.frames, STRIDE, stereo_sources, 2))
        freq = graph.transpose(freq, (3, 1, 0, 2, 4))
        freq = graph.reshape(freq, (stereo_sources, shape.frames, blocks * STRIDE, 2))
        time = graph.transpose(graph.reshape(time, graph.shape(time)[1:]), (1, 0))
        graph.output("spectra", self.destandardise(freq, freq_mean, freq_deviation))
        time_statistics = (graph.reshape(each, (1, 1)) for each in (time_mean, time_deviation))
        graph.output("waveforms", self.destandardise(time, *time_statistics))

    # ------------------------------------------------------------------ encoder and decoder

    def encode(
        self, freq: Node, time: Node, layers: int
    ) -> tuple[list[Node], list[Node], list[int]]:
        """What each of the outermost layers gives, in both branches, and the time it got."""
        freqs, times, lengths = [], [], []
        for index in range(layers):
            lengths.append(self.graph.shape(time)[1])
            time = self.encode_time(time, f"tencoder.{index}")
            freq = self.encode_freq(freq, f"encoder.{index}")
            if index == 0:
                freq = self.embed_frequencies(freq)
            times.append(time)
            freqs.append(freq)
        return freqs, times, lengths

    def encode_freq(self, value: Node, name: str) -> Node:
        """Apply an encoder layer to ``[1, bands, frames, channels]``."""
        value = self.convolve(value, f"{name}.conv", (STRIDE, 1), (2, 0), (2, 0))
        value = self._residual_rows(self.graph.gelu(value), f"{name}.dconv")
        return self.gated(value, f"{name}.rewrite")

    def encode_time(self, value: Node, name: str) -> Node:
        """Apply an encoder layer to ``[1, time, channels]``."""
        value = self.residual(self.graph.gelu(self.downsample_time(value, name)), f"{name}.dconv")
        return self.gated(value, f"{name}.rewrite")

    def downsample_time(self, value: Node, name: str) -> Node:
        """Convolve to a quarter of the time, filled up with zeros to a whole number of steps."""
        padding = -self.graph.shape(value)[1] % STRIDE
        return self.convolve(value, f"{name}.conv", (STRIDE,), (2,), (2 + padding,))

    def decode_freq(self, value: Node, name: str) -> Node:
        """Apply a decoder layer; blocks of four bands come as channels, for `interleave_bands`."""
        value = self._residual_rows(self.gated(value, f"{name}.rewrite"), f"{name}.dconv")
        weight, bias = interleaving_kernel(self.state, f"{name}.conv_tr")
        return self.graph.convolution(
            value, weight, bias, stride=(1, 1), pad_begin=(1, 0), pad_end=(1, 0)
        )

    def interleave_bands(self, value: Node) -> Node:
        """Turn ``[1, blocks, frames, 4 * channels]`` into four times the bands, cropped."""
        graph = self.graph
        _, blocks, frames, _ = graph.shape(value)
        value = graph.reshape(value, (blocks, frames, STRIDE, -1))
        value = graph.transpose(value, (0, 2, 1, 3))
        value = graph.reshape(value, (1, blocks * STRIDE, frames, -1))
        return graph.slice(value, 1, SPARE_BINS, blocks * STRIDE - SPARE_BINS)

    def decode_time(self, value: Node, name: str, length: int) -> Node:
        """Apply a decoder layer to ``[1, steps, channels]``, cropped to ``length`` steps."""
        value = self.residual(self.gated(value, f"{name}.rewrite"), f"{name}.dconv")
        return self.upsample_time(value, name, length)

    def upsample_time(self, value: Node, name: str, length: int) -> Node:
        """Transposed convolution, norm and crop of a decoder layer."""
        graph = self.graph
        weight, bias = interleaving_kernel(self.state, f"{name}.conv_tr")
        stride = len(bias) // len(self.state[f"{name}.conv_tr.bias"])
        steps = graph.shape(value)[1]
        value = graph.convolution(value, weight, bias, stride=(1,), pad_begin=(1,), pad_end=(1,))
        value = graph.reshape(value, (1, (steps + 1) * stride, -1))
        value = self.norm(value, f"{name}.norm2")
        return graph.slice(value, 1, stride // 2, stride // 2 + length)

    def gated(self, value: Node, name: str, norm: str = "") -> Node:
        """Convolve to twice the channels, normalise, and gate one half by the other (GLU)."""
        weight = self.state[f"{name}.weight"]
        context = [size // 2 for size in weight.shape[2:]]
        if any(context):
            value = self.convolve(value, name, [1] * len(context), context, context)
        else:
            value = self.pointwise(value, name)
        return self.gate(self.norm(value, norm))

    def norm(self, value: Node, name: str) -> Node:
        """Group normalisation of ``[1, *space, channels]``; nothing where it has no parameters."""
        graph = self.graph
        if f"{name}.weight" not in self.state:
            return value
        shape, groups = graph.shape(value), self.shape.norm_groups
        value = graph.reshape(value, (-1, groups, shape[-1] // groups))
        value = graph.normalise(graph.transpose(value, (1, 0, 2)), (1, 2), NORM_EPSILON)
        value = graph.reshape(graph.transpose(value, (1, 0, 2)), shape)
        return self.affine(value, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    # ------------------------------------------------------------------ residual branches

    def _residual_rows(self, value: Node, name: str) -> Node:
        """Apply the residual branch to every frequency row on its own."""
        shape = self.graph.shape(value)
        return self.graph.reshape(self.residual(self.graph.reshape(value, shape[1:]), name), shape)

    def residual(self, value: Node, name: str) -> Node:
        """``DConv``: compressed, dilated convolutions over time added to ``[rows, time, ch]``."""
        for depth in count():
            layer = f"{name}.layers.{depth}"
            if f"{layer}.0.weight" not in self.state:
                return value
            value = self.graph.add(value, self._branch(value, layer, dilation=2**depth))
        raise AssertionError("unreachable")

    def _branch(self, value: Node, layer: str, dilation: int) -> Node:
        hidden = self.graph.convolution(
            value,
            self.state[f"{layer}.0.weight"],
            self.state[f"{layer}.0.bias"],
            stride=(1,),
            pad_begin=(dilation,),
            pad_end=(dilation,),
            dilation=(dilation,),
        )
        hidden = self.graph.gelu(self.whole_norm(hidden, f"{layer}.1"))
        hidden, position = self.within_branch(hidden, layer)
        hidden = self.pointwise(hidden, f"{layer}.{position}")
        return self._norm_gate_scale(hidden, layer, position)

    def within_branch(self, value: Node, layer: str) -> tuple[Node, int]:
        """What a branch does besides convolving, and the position in it where it goes on."""
        del layer
        return value, 3

    def _norm_gate_scale(self, value: Node, layer: str, position: int) -> Node:
        """Group norm, GLU and LayerScale, with the affine maps behind the split.

        Each half then goes through one fused elementwise kernel instead of two. LayerScale
        multiplies only the half that is not the gate, so it folds into that half's map.
        """
        norm = f"{layer}.{position + 1}"
        weight, bias = self.state[f"{norm}.weight"], self.state[f"{norm}.bias"]
        scale = self.state[f"{layer}.{position + 3}.scale"]
        channels = len(scale)
        kept, gate = self.graph.halves(self.graph.normalise(value, (1, 2), NORM_EPSILON))
        kept = self.affine(kept, weight[:channels] * scale, bias[:channels] * scale)
        gate = self.affine(gate, weight[channels:], bias[channels:])
        return self.graph.multiply(kept, self.graph.sigmoid(gate))

    def embed_frequencies(self, value: Node) -> Node:
        """Tell ``[1, bands, frames, channels]`` which band is which."""
        embedding = self.state["freq_emb.embedding.weight"] * self.shape.freq_embedding_scale
        return self.graph.add(value, embedding[None, :, None, :].astype(np.float32))

    def split_heads(self, value: Node, heads: int) -> Node:
        """``[1, tokens, width]`` to ``[1, heads, tokens, width / heads]``."""
        batch, tokens, width = self.graph.shape(value)
        value = self.graph.reshape(value, (batch, tokens, heads, width // heads))
        return self.graph.transpose(value, (0, 2, 1, 3))

    def merge_heads(self, value: Node) -> Node:
        """Undo `split_heads`."""
        batch, heads, tokens, width = self.graph.shape(value)
        value = self.graph.transpose(value, (0, 2, 1, 3))
        return self.graph.reshape(value, (batch, tokens, heads * width))


def interleaving_kernel(state: Mapping[str, Weights], name: str) -> tuple[Weights, Weights]:
    """Rewrite a transposed convolution (kernel 2s, stride s) as a convolution (kernel 2, stride 1).

    Output block ``g`` of ``s`` samples, ``sg - s/2 .. sg + s/2 - 1`` after the reference's cropping
    of ``s/2``, is ``first half of the kernel * input[g] + second half * input[g - 1]``. The samples
    of a block come out as channels, sample first: ``[s * out, in, 2(, 1)]``.
    """
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    inputs, outputs, size = weight.shape[:3]
    stride = size // 2
    taps = weight.reshape(inputs, outputs, size)
    pairs = np.stack([taps[:, :, stride:], taps[:, :, :stride]], axis=-1)
    kernel = pairs.transpose(2, 1, 0, 3).reshape(stride * outputs, inputs, 2)
    trailing = (1,) * (weight.ndim - 3)
    return kernel.reshape(*kernel.shape, *trailing), np.tile(bias, stride)
