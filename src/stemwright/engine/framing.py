"""What a network is fed of a segment, and how what it gives becomes stems.

Networks see spectra, some the waveform besides; runtimes pass arrays on and know neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .networks import HDemucsShape, HTDemucsShape, NetworkShape, SCNetShape, without_spare_bins
from .spectral import CentredTransform, SegmentTransform

Arrays = Mapping[str, NDArray[np.float32]]


class Framing(Protocol):
    """Goes with one network, whose inputs and outputs it knows by name."""

    outputs: tuple[str, ...]

    def inputs(self, segment: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Prepare a segment ``[channels=2, segment_samples]``: the network's inputs by name."""
        ...

    def stems(self, outputs: Arrays) -> NDArray[np.float32]:
        """Give ``[sources * 2, segment_samples]``, a new array, from what the network gave."""
        ...

    def close(self) -> None:
        """Stop the threads."""
        ...


def framing_of(shape: NetworkShape) -> Framing:
    """Choose by the kind of network."""
    return SpectralFraming(shape) if isinstance(shape, SCNetShape) else HybridFraming(shape)


class HybridFraming:
    """Waveform and spectrum, both in and out; stems are their sum."""

    outputs: tuple[str, ...] = ("waveforms", "spectra")

    def __init__(self, shape: HTDemucsShape | HDemucsShape) -> None:
        self._transform = SegmentTransform(
            shape.segment_samples, shape.n_fft, unpadded=shape.unpadded
        )

    def inputs(self, segment: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        mixture = np.ascontiguousarray(segment.T)[None]
        return {"mixture": mixture, "spectrum": self._transform.forward(segment)}

    def stems(self, outputs: Arrays) -> NDArray[np.float32]:
        spectra = without_spare_bins(outputs["spectra"])
        return self._transform.inverse(spectra, onto=outputs["waveforms"])

    def close(self) -> None:
        self._transform.close()


class SpectralFraming:
    """Spectra alone."""

    outputs: tuple[str, ...] = ("spectra",)

    def __init__(self, shape: SCNetShape) -> None:
        self._scale = np.float32(shape.n_fft**0.5 if shape.scaled else 1)
        self._transform = CentredTransform(
            shape.segment_samples, shape.frames, shape.window, shape.hop_samples
        )

    def inputs(self, segment: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        return {"spectrum": self._transform.forward(segment / self._scale)}

    def stems(self, outputs: Arrays) -> NDArray[np.float32]:
        stems = self._transform.inverse(outputs["spectra"])
        stems *= self._scale
        return stems

    def close(self) -> None:
        self._transform.close()
