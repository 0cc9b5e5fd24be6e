"""STFT and inverse STFT as HTDemucs frames them, on two threads.

The reference pads so that a segment of ``n`` samples has exactly ``ceil(n / hop)`` frames
(``_spec`` and ``_ispec`` of ``HDemucs`` and ``HTDemucs``, demucs 4.1.0): 1.5 hops reflected on
either side, then the centre padding of half a window, of which the two outermost frames at each end
are dropped. Going back, the dropped frames count as zero. The window is a periodic Hann window, the
scale orthonormal.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

THREADS = 2
"""NumPy's FFT runs outside the interpreter's lock, so rows can be shared out."""


class SegmentTransform:
    """The STFT of segments of one length.

    Parameters
    ----------
    segment_samples
        Length of a segment, in samples; longer than 1.5 hops.
    n_fft
        Window and FFT length, in samples. The hop length is a quarter of it.
    unpadded
        Pad with silence, and do not take the padding off again on the way back: a slip that some
        networks were trained with (``hybrid_old``) and rely on.

    """

    def __init__(self, segment_samples: int, n_fft: int, *, unpadded: bool = False) -> None:
        self.n_fft = n_fft
        self.hop = n_fft // 4
        self.segment_samples = segment_samples
        self.frames = -(-segment_samples // self.hop)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
        self._window = (window / np.sqrt(n_fft)).astype(np.float32)
        # a quarter hop's four overlapping squared Hann windows add up to 3/2 everywhere
        self._inverse_window = (window * np.sqrt(n_fft) / 1.5).astype(np.float32)
        # except in the first hop of all, where the earliest of the four frames was dropped
        self._first_hop = (1.5 / (1.5 - window[-self.hop :] ** 2)).astype(np.float32)
        self._unpadded = unpadded
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stft")

    def forward(self, segment: NDArray[np.float32]) -> NDArray[np.float32]:
        """Transform ``[channels, segment_samples]`` to ``[channels, frames, n_fft/2, 2]``.

        Real and imaginary part come last; the Nyquist bin is left out, as the network never
        sees it.
        """
        pad = 3 * self.hop // 2
        tail = pad + self.frames * self.hop - self.segment_samples
        padded = np.pad(
            segment, ((0, 0), (pad, tail)), mode="constant" if self._unpadded else "reflect"
        )
        bins = self.n_fft // 2
        spectrum = np.empty((len(segment), self.frames, bins, 2), np.float32)

        def transform(row: int) -> None:
            frames = np.lib.stride_tricks.sliding_window_view(padded[row], self.n_fft)[:: self.hop]
            transformed = np.fft.rfft(frames[: self.frames] * self._window)
            spectrum[row].view(np.complex64)[..., 0] = transformed[:, :bins]

        self._share_out(transform, len(segment))
        return spectrum

    def inverse(
        self, spectra: NDArray[np.float32], onto: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Transform ``[rows, frames, n_fft/2, 2]`` back and add it to ``onto``.

        ``onto`` is ``[rows, segment_samples]``, changed in place and returned.
        """

        def transform(row: int) -> None:
            spectrum = spectra[row].view(np.complex64)[..., 0]
            frames = np.fft.irfft(spectrum, n=self.n_fft).astype(np.float32, copy=False)
            onto[row] += self._overlap_add(frames * self._inverse_window)[: self.segment_samples]

        self._share_out(transform, len(spectra))
        return onto

    def _overlap_add(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add ``[frames, n_fft]`` a hop apart, cropped to the segment's first sample."""
        hop = self.hop
        total = np.zeros((self.frames + 3, hop), np.float32)
        for quarter in range(4):
            total[quarter : quarter + self.frames] += frames[:, quarter * hop : (quarter + 1) * hop]
        if self._unpadded:
            total[0] *= self._first_hop
            return total.reshape(-1)
        # frame 0 begins half a window before the padded start, which lies 1.5 hops early
        return total.reshape(-1)[3 * hop // 2 :]

    def _share_out(self, work: Callable[[int], None], rows: int) -> None:
        for _ in self._threads.map(work, range(rows)):
            pass

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown()
