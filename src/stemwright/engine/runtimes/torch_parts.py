"""What the torch runtime is made of besides the graph: transforms, and operations for batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch.nn import functional

from stemwright.engine import networks

Operation: TypeAlias = Callable[..., torch.Tensor]


class _Folded(torch.autograd.Function):  # type: ignore[misc]  # torch is not installed here
    """An operation along whose first axis batches may stand one behind the other.

    For operations that ``torch.vmap`` cannot vectorise, or only by a loop.
    """

    @staticmethod
    def forward(operation: Operation, *given: torch.Tensor) -> torch.Tensor:
        return operation(*given)

    @staticmethod
    def setup_context(ctx: object, inputs: tuple[object, ...], output: torch.Tensor) -> None:
        """Keep nothing: nobody asks for gradients."""

    @staticmethod
    def vmap(
        info: Any,  # noqa: ANN401 - torch's own
        in_dims: tuple[int | None, ...],
        operation: Operation,
        *given: torch.Tensor,
    ) -> tuple[torch.Tensor, int]:
        """Fold the batch into the first axis, and take it out again."""
        folded = [
            one if dim is None else one.movedim(dim, 0).flatten(0, 1)
            for one, dim in zip(given, in_dims[1:], strict=True)
        ]
        found: torch.Tensor = _Folded.apply(operation, *folded)
        return found.unflatten(0, (info.batch_size, -1)), 0


def folding(operation: Operation) -> Operation:
    """Have ``torch.vmap`` run an operation once for all, along its first axis."""

    def folded(*given: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = _Folded.apply(operation, *given)
        return found

    return folded


class HybridTransform:
    """STFT and inverse as :class:`..spectral.SegmentTransform` has them, on the device."""

    def __init__(
        self, shape: networks.HTDemucsShape | networks.HDemucsShape, device: torch.device
    ) -> None:
        self._hop, self._size = shape.hop_samples, shape.n_fft
        self._frames, self._samples = shape.frames, shape.segment_samples
        self._unpadded = shape.unpadded
        window = torch.hann_window(self._size, dtype=torch.float64)
        self._window = (window / math.sqrt(self._size)).float().to(device)
        self._inverse = (window * math.sqrt(self._size) / 1.5).float().to(device)
        self._first_hop = (1.5 / (1.5 - window[-self._hop :] ** 2)).float().to(device)

    def inputs(self, segment: torch.Tensor) -> dict[str, torch.Tensor]:
        """What the network is fed of ``[2, segment_samples]``."""
        return {"mixture": segment.T[None], "spectrum": self.forward(segment)}

    def stems(self, found: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """``[sources * 2, segment_samples]`` from what the network gave."""
        spectra = found["spectra"][:, :, networks.SPARE_BINS : -networks.SPARE_BINS]
        return found["waveforms"] + self.inverse(spectra)

    def forward(self, segment: torch.Tensor) -> torch.Tensor:
        """``[channels, segment_samples]`` to ``[channels, frames, n_fft/2, 2]``."""
        pad = 3 * self._hop // 2
        tail = pad + self._frames * self._hop - self._samples
        mode = "constant" if self._unpadded else "reflect"
        padded = functional.pad(segment[None], (pad, tail), mode)[0]
        frames = padded.unfold(1, self._size, self._hop)[:, : self._frames]
        spectrum = torch.fft.rfft(frames * self._window)
        return torch.view_as_real(spectrum[..., : self._size // 2])

    def inverse(self, spectra: torch.Tensor) -> torch.Tensor:
        """``[rows, frames, n_fft/2, 2]`` to ``[rows, segment_samples]``."""
        spectrum = torch.view_as_complex(spectra.contiguous())
        frames = torch.fft.irfft(spectrum, n=self._size) * self._inverse
        quarters = frames.reshape(len(spectra), self._frames, 4, self._hop)
        total = quarters.new_zeros(len(spectra), self._frames + 3, self._hop)
        for place in range(4):
            total[:, place : place + self._frames] += quarters[:, :, place]
        if self._unpadded:
            total[:, 0] *= self._first_hop
        start = 0 if self._unpadded else 3 * self._hop // 2
        return total.reshape(len(spectra), -1)[:, start : start + self._samples]


class SpectralTransform:
    """STFT and inverse as :class:`..spectral.CentredTransform` has them, on the device."""

    def __init__(self, shape: networks.SCNetShape, device: torch.device) -> None:
        self._samples = shape.segment_samples
        self._filled = (shape.frames - 1) * shape.hop_samples
        self._size, self._hop = shape.n_fft, shape.hop_samples
        self._scaled = shape.scaled
        self._window = torch.from_numpy(shape.window).float().to(device)

    def inputs(self, segment: torch.Tensor) -> dict[str, torch.Tensor]:
        """What the network is fed of ``[2, segment_samples]``."""
        filled = functional.pad(segment, (0, self._filled - self._samples))
        spectrum = folding(self._forward)(filled)
        return {"spectrum": torch.view_as_real(spectrum.transpose(1, 2).contiguous())}

    def stems(self, found: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """``[sources * 2, segment_samples]`` from what the network gave."""
        spectra = torch.view_as_complex(found["spectra"].float().contiguous())
        return folding(self._inverse)(spectra.transpose(1, 2))[:, : self._samples]

    def _forward(self, filled: torch.Tensor) -> torch.Tensor:
        return torch.stft(
            filled,
            self._size,
            self._hop,
            window=self._window,
            normalized=self._scaled,
            return_complex=True,
        )

    def _inverse(self, spectra: torch.Tensor) -> torch.Tensor:
        return torch.istft(
            spectra, self._size, self._hop, window=self._window, normalized=self._scaled
        )


def transform_of(
    shape: networks.NetworkShape, device: torch.device
) -> HybridTransform | SpectralTransform:
    """Choose by the kind of network."""
    if isinstance(shape, networks.SCNetShape):
        return SpectralTransform(shape, device)
    return HybridTransform(shape, device)
