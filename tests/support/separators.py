"""A separator that needs no network: every stem is the mixture at a gain of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

GAINS = {"drums": 0.125, "bass": 0.25, "other": 0.375, "vocals": 0.3125}
"""They add up to more than one, so that exact sums have something to mend."""
SEGMENT_SAMPLES = 44_100


@dataclass
class GainSeparator:
    """Separates by gains, a second at a time; ``hold`` stops it for a test to interrupt it.

    When ``hold`` is set, the second segment writes that file and waits until it is cancelled.
    """

    hold: Path | None = None
    runs: int = 0
    stems: tuple[str, ...] = tuple(GAINS)

    def stream(
        self,
        mixture,
        *,
        stems: Sequence[str],
        overlap: float,
        shifts: int,
        segment_s: float | None,
        seed: int,
        progress: Callable | None,
        cancelled: Callable[[], bool] | None,
    ) -> Iterator[NDArray[np.float32]]:
        self.runs += 1
        done = 0
        gains = np.array([GAINS[stem] for stem in stems], np.float32)[:, None, None]
        for block in mixture.blocks():
            for start in range(0, block.shape[1], SEGMENT_SAMPLES):
                piece = block[:, start : start + SEGMENT_SAMPLES]
                done += piece.shape[1]
                self._wait_if_held(done, cancelled)
                yield gains * piece
                progress(_progress(done, mixture.samples))

    def _wait_if_held(self, done: int, cancelled: Callable[[], bool] | None) -> None:
        from stemwright.errors import Cancelled

        if self.hold is not None and done > SEGMENT_SAMPLES:
            self.hold.touch()
            while not cancelled():
                threading.Event().wait(0.01)
        if cancelled is not None and cancelled():
            raise Cancelled("stopped")


def _progress(done: int, total: int) -> SimpleNamespace:
    return SimpleNamespace(
        fraction=done / total, seconds_done=done / 44_100, seconds_total=total / 44_100, eta_s=0.0
    )
