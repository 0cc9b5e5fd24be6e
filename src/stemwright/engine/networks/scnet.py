"""SCNet, the sparse compression network, as a channels-last graph.

Tong et al.: *SCNet: Sparse Compression Network for Music Source Separation* (arXiv 2401.13276);
reference: class ``SCNet`` of its author (``scnet/SCNet.py``, ``scnet/separation.py``), whose
parameter names the state dict uses, and the variant that ends in a mask, ``scnet_masked`` of
Music-Source-Separation-Training.

An encoder layer cuts the spectrum into three bands and keeps the less of a band the higher it is; a
decoder layer puts as much back. Between them LSTMs look along frequency and along time, in every
other layer at the Fourier transform of time.

Same function, other shape. A transposed convolution is an ordinary one whose output channels
interleave into frequency; a norm's affine map is folded into the LSTM after it; the copy of itself
that a layer is given besides its input is folded into the kernel; a convolution of every channel by
itself is a whole one with zeros; the Fourier transform of time is a matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import numpy as np

from stemwright.engine.graph import Graph, LstmWeights, Node, Weights

from .layers import NORM_EPSILON, NetworkBuilder
from .scnet_bands import BANDS, Band, SCNetShape


def build(graph: Graph[Node], state: Mapping[str, Weights], shape: SCNetShape) -> None:
    """Add the network to ``graph``.

    Input: ``spectrum`` [2, frames, n_fft/2 + 1, 2], the STFT of each channel, real and imaginary
    part last. Output: ``spectra`` [sources * 2, frames, n_fft/2 + 1, 2].
    """
    _SCNet(graph, state, shape).build()


class _SCNet(NetworkBuilder[Node]):
    def __init__(self, graph: Graph[Node], state: Mapping[str, Weights], shape: SCNetShape) -> None:
        super().__init__(graph, state)
        self.shape = shape
        depth = sum(1 for name in state if name.endswith(".globalconv.weight"))
        kernels = tuple(
            state[f"encoder.0.SDlayer.convs.{band}.weight"].shape[2] for band in range(BANDS)
        )
        self._levels = shape.levels(depth, kernels)

    def build(self) -> None:
        graph, shape = self.graph, self.shape
        spectrum = graph.input("spectrum", (2, shape.frames, shape.bins, 2))
        # complex as channels: left real, left imaginary, right real, right imaginary
        mixture = graph.transpose(spectrum, (2, 1, 0, 3))
        mixture = graph.reshape(mixture, (1, shape.bins, shape.frames, 4))
        if "mask_layer.0.weight" in self.state:
            places = self.state["pos_embed_f"].transpose(0, 2, 3, 1)
            spectra = self._masked(mixture, self._u_net(graph.add(mixture, places)))
        elif shape.standardised:
            value, mean, deviation = self.standardise(mixture)
            spectra = self.destandardise(self._u_net(value), mean, deviation)
        else:
            spectra = self._u_net(mixture)
        spectra = graph.reshape(spectra, (shape.bins, shape.frames, 2 * len(shape.sources), 2))
        graph.output("spectra", graph.transpose(spectra, (2, 1, 0, 3)))

    def _u_net(self, value: Node) -> Node:
        skips = []
        for index, bands in enumerate(self._levels):
            value = self._compress(value, f"encoder.{index}", bands)
            skips.append(value)
            value = self.convolve(value, f"encoder.{index}.globalconv", (1, 1), (1, 1), (1, 1))
        value = self._separate(value)
        for index, bands in enumerate(reversed(self._levels)):
            value = self._fuse(self.graph.add(value, skips.pop()), f"decoder.{index}.0.conv")
            value = self._expand(value, f"decoder.{index}.1", bands)
        return value

    # ------------------------------------------------------------------ encoder

    def _compress(self, value: Node, name: str, bands: tuple[Band, ...]) -> Node:
        """Shrink the bands of ``[1, rows, frames, channels]``, each by its own stride."""
        graph = self.graph
        parts = []
        for place, band in enumerate(bands):
            part = graph.slice(value, 1, band.start, band.stop)
            layer = f"{name}.SDlayer.convs.{place}"
            pads = (band.pad_begin, 0), (band.pad_end, 0)
            part = self.convolve(part, layer, (band.stride, 1), *pads)
            shape = graph.shape(part)
            part = self._residual(graph.reshape(part, shape[1:]), f"{name}.conv_modules.{place}")
            parts.append(graph.reshape(graph.gelu(part), shape))
        return graph.concatenate(parts, 1)

    def _residual(self, value: Node, name: str) -> Node:
        """Add compressed convolutions over time to ``[rows, frames, channels]``."""
        for depth in count():
            layer = f"{name}.layers.{depth}"
            if f"{layer}.1.weight" not in self.state:
                return value
            value = self.graph.add(value, self._branch(value, layer))
        raise AssertionError("unreachable")

    def _branch(self, value: Node, layer: str) -> Node:
        reach = (self.state[f"{layer}.1.weight"].shape[2] // 2,)
        hidden = self.whole_norm(value, f"{layer}.0")
        hidden = self.gate(self.convolve(hidden, f"{layer}.1", (1,), reach, reach))
        weight, bias = self.state[f"{layer}.3.weight"], self.state[f"{layer}.3.bias"]
        hidden = self.graph.convolution(
            hidden, each_alone(weight), bias, stride=(1,), pad_begin=reach, pad_end=reach
        )
        hidden = self.whole_norm(hidden, f"{layer}.4")
        hidden = self.graph.multiply(hidden, self.graph.sigmoid(hidden))
        return self.pointwise(hidden, f"{layer}.6")

    # ------------------------------------------------------------------ between

    def _separate(self, value: Node) -> Node:
        graph = self.graph
        shape = graph.shape(value)
        value = graph.reshape(value, shape[1:])
        for index in count():
            name = f"separation_net.dp_modules.{index}"
            if f"{name}.linear_layers.0.weight" not in self.state:
                break
            value = self._along_frequency(value, name)
            value = self._along_time(value, name)
            value = self._back_in_time(value) if index % 2 else self._transformed(value)
        return graph.reshape(value, shape)

    def _along_frequency(self, value: Node, name: str) -> Node:
        """Let an LSTM see the rows of every frame of ``[rows, frames, channels]``."""
        turned = self.graph.transpose(self._normed(value), (1, 0, 2))
        return self.graph.add(value, self.graph.transpose(self._recur(turned, name, 0), (1, 0, 2)))

    def _along_time(self, value: Node, name: str) -> Node:
        """Let an LSTM see the frames of every row."""
        return self.graph.add(value, self._recur(self._normed(value), name, 1))

    def _normed(self, value: Node) -> Node:
        """Normalise all rows and frames at once, without the affine map; see `_recur`."""
        graph = self.graph
        rows, frames, channels = graph.shape(value)
        flat = graph.reshape(value, (1, rows * frames, channels))
        return graph.reshape(graph.normalise(flat, (1, 2), NORM_EPSILON), (rows, frames, channels))

    def _recur(self, value: Node, name: str, path: int) -> Node:
        lstm, norm = f"{name}.lstm_layers.{path}", f"{name}.norm_layers.{path}"
        directions = (self._after_norm(lstm, suffix, norm) for suffix in ("l0", "l0_reverse"))
        return self.pointwise(self.graph.lstm(value, *directions), f"{name}.linear_layers.{path}")

    def _after_norm(self, lstm: str, suffix: str, norm: str) -> LstmWeights:
        """An LSTM's weights with the affine map of the norm before it."""
        weights = self.lstm_weights(lstm, suffix)
        gain, shift = self.state[f"{norm}.weight"], self.state[f"{norm}.bias"]
        return weights._replace(
            input=weights.input * gain, bias=weights.bias + weights.input @ shift
        )

    def _transformed(self, value: Node) -> Node:
        """``[rows, frames, channels]`` to its Fourier transform over time, complex as channels.

        First the real parts of all channels, then the imaginary ones.
        """
        graph = self.graph
        rows, frames, channels = graph.shape(value)
        matrix = fourier(frames)
        waves = graph.linear(
            graph.transpose(value, (0, 2, 1)), matrix, np.zeros(len(matrix), np.float32)
        )
        waves = graph.reshape(waves, (rows, channels, 2, -1))
        return graph.reshape(graph.transpose(waves, (0, 3, 2, 1)), (rows, -1, 2 * channels))

    def _back_in_time(self, value: Node) -> Node:
        """Undo `_transformed`."""
        graph = self.graph
        rows, waves, channels = graph.shape(value)
        value = graph.reshape(value, (rows, waves, 2, channels // 2))
        value = graph.reshape(graph.transpose(value, (0, 3, 2, 1)), (rows, channels // 2, -1))
        matrix = fourier_back(2 * (waves - 1))
        value = graph.linear(value, matrix, np.zeros(len(matrix), np.float32))
        return graph.transpose(value, (0, 2, 1))

    # ------------------------------------------------------------------ decoder

    def _fuse(self, value: Node, name: str) -> Node:
        """Convolve the channels and a copy of them to twice as many, and gate."""
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        first, second = np.split(weight, 2, axis=1)
        edge = [size // 2 for size in weight.shape[2:]]
        return self.gate(
            self.graph.convolution(
                value, first + second, bias, stride=(1, 1), pad_begin=edge, pad_end=edge
            )
        )

    def _expand(self, value: Node, name: str, bands: tuple[Band, ...]) -> Node:
        """Give every band the rows back that `_compress` found in it."""
        parts, start = [], 0
        for place, band in enumerate(bands):
            part = self.graph.slice(value, 1, start, start + band.steps)
            parts.append(self._interleaved(part, f"{name}.convtrs.{place}", band))
            start += band.steps
        return self.graph.concatenate(parts, 1)

    def _interleaved(self, value: Node, name: str, band: Band) -> Node:
        graph = self.graph
        weight, bias = blocks_kernel(
            self.state[f"{name}.weight"], self.state[f"{name}.bias"], band.stride
        )
        reach = (weight.shape[2] - 1, 0)
        value = graph.convolution(
            value, weight, bias, stride=(1, 1), pad_begin=reach, pad_end=reach
        )
        _, blocks, frames, _ = graph.shape(value)
        value = graph.reshape(value, (blocks, frames, band.stride, -1))
        value = graph.transpose(value, (0, 2, 1, 3))
        value = graph.reshape(value, (1, blocks * band.stride, frames, -1))
        size = band.stop - band.start
        cropped = (band.returned - size) // 2
        return graph.slice(value, 1, cropped, cropped + size)

    def _masked(self, mixture: Node, value: Node) -> Node:
        """Multiply the mixture, ``[1, bins, frames, 4]``, by a complex mask for every stem."""
        graph, shape = self.graph, self.shape
        hidden = self.convolve(value, "mask_layer.0", (1, 1), (1, 1), (1, 1))
        mask = self._tanh_of(graph.gelu(hidden), "mask_layer.2")
        mask = graph.reshape(mask, (shape.bins, shape.frames, len(shape.sources), 2, 2))
        channels = graph.reshape(mixture, (shape.bins, shape.frames, 1, 2, 2))
        real, imaginary = graph.halves(channels)
        turned = graph.concatenate(
            [graph.multiply(imaginary, np.array(-1, np.float32)), real], axis=4
        )
        along, across = graph.halves(mask)
        return graph.add(graph.multiply(channels, along), graph.multiply(turned, across))

    def _tanh_of(self, value: Node, name: str) -> Node:
        """Hyperbolic tangent of a linear map, by the sigmoid: ``tanh(x) = 2 sigmoid(2x) - 1``."""
        graph = self.graph
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        value = graph.linear(value, 2 * weight.reshape(weight.shape[:2]), 2 * bias)
        value = graph.multiply(graph.sigmoid(value), np.array(2, np.float32))
        return graph.subtract(value, np.array(1, np.float32))


def each_alone(weight: Weights) -> Weights:
    """Fill the kernel of a depthwise convolution, ``[channels, 1, taps]``, with zeros.

    The channels are few where this is used, and runtimes need one operation less.
    """
    return weight * np.eye(len(weight), dtype=np.float32)[:, :, None]


def blocks_kernel(weight: Weights, bias: Weights, stride: int) -> tuple[Weights, Weights]:
    """Rewrite a transposed convolution over rows as an ordinary one that gives blocks of rows.

    ``[in, out, taps, 1]`` becomes ``[stride * out, in, ceil(taps / stride), 1]``; the rows of a
    block come out as channels, row first. Padded by all but one of its taps at either end, the
    convolution gives every row of the reference's, and some of zeros after them.
    """
    inputs, outputs, taps = weight.shape[:3]
    reach = -(-taps // stride)
    padded = np.zeros((inputs, outputs, reach * stride), np.float32)
    padded[:, :, :taps] = weight[..., 0]
    steps = padded.reshape(inputs, outputs, reach, stride)[:, :, ::-1]
    kernel = steps.transpose(3, 1, 0, 2).reshape(stride * outputs, inputs, reach, 1)
    return kernel, np.tile(bias, stride)


def fourier(frames: int) -> Weights:
    """Matrix of the orthonormal real Fourier transform: cosines, then minus the sines.

    ``[2 * (frames/2 + 1), frames]``, for an even number of frames.
    """
    turns = np.outer(np.arange(frames // 2 + 1), np.arange(frames)) % frames
    angles = 2 * np.pi / frames * turns
    matrix: Weights = np.concatenate([np.cos(angles), -np.sin(angles)]) / np.sqrt(frames)
    return matrix.astype(np.float32)


def fourier_back(frames: int) -> Weights:
    """Matrix of the inverse, ``[frames, 2 * (frames/2 + 1)]``.

    It counts every frequency twice but the first and the last, of which it ignores the imaginary
    parts, as the libraries' transforms do.
    """
    waves = frames // 2 + 1
    twice = np.full(waves, 2.0)
    twice[[0, -1]] = 1.0
    real, imaginary = twice, twice.copy()
    imaginary[[0, -1]] = 0.0
    counted = np.concatenate([real, imaginary]).astype(np.float32)
    matrix: Weights = fourier(frames).T * counted
    return matrix
