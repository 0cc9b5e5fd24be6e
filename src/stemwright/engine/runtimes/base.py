"""The seam between the separation method and whatever executes a network."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Runtime(Protocol):
    """Executes one network on one segment of normalised mixture.

    STFT, network and inverse STFT are all inside: what crosses the seam is audio. A runtime is
    called from up to ``segments_in_flight`` threads at once and keeps no state between calls.
    """

    sources: tuple[str, ...]
    """Stems in output order, for example ``("drums", "bass", "other", "vocals")``."""
    segment_samples: int
    """Length of the segment the network sees, in samples at the model's sample rate."""
    normalised: bool
    """Whether the mixture is to come normalised by the mean and deviation of the whole song."""
    segments_in_flight: int
    """How many segments the runtime likes to work on at once."""
    description: str
    """What runs where, for people: ``"openvino bf16, 2 threads"``."""

    def infer(self, segment: NDArray[np.float32]) -> NDArray[np.float32]:
        """Separate one segment.

        Parameters
        ----------
        segment : [channels=2, segment_samples], float32
            Mixture, normalised or as it is.

        Returns
        -------
        [sources, channels=2, segment_samples], float32

        """
        ...

    def close(self) -> None:
        """Release the network; the runtime cannot be used afterwards."""
        ...
