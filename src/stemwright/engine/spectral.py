"""STFT and inverse STFT as the networks frame them, on two threads.

The reference of HTDemucs pads so that a segment of ``n`` samples has exactly ``ceil(n / hop)``
frames (``_spec`` and ``_ispec`` of ``HDemucs`` and ``HTDemucs``, demucs 4.1.0): 1.5 hops reflected
on either side, then the centre padding of half a window, of which the two outermost frames at each
end are dropped. Going back, the dropped frames count as zero. The window is a periodic Hann window,
the scale orthonormal. That of SCNet is centred as ``torch.stft`` does it by itself, and drops
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

THREADS = 2
"""NumPy's FFT runs outside the interpreter's lock, so rows can be shared out."""


class _Rows:
    """Shares rows out to threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stft")

    def _share_out(self, work: Callable[[int], None], rows: int) -> None:
        for _ in self._threads.map(work, range(rows)):
            pass

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown()


class SegmentTransform(_Rows):
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
        super().__init__()

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

        ``onto`` is ``[rows, segment_samples]``, and so is the sum.
        """
        total = np.empty(onto.shape, np.float32)

        def transform(row: int) -> None:
            spectrum = spectra[row].view(np.complex64)[..., 0]
            frames = np.fft.irfft(spectrum, n=self.n_fft).astype(np.float32, copy=False)
            back = self._overlap_add(frames * self._inverse_window)[: self.segment_samples]
            np.add(onto[row], back, out=total[row])

        self._share_out(transform, len(spectra))
        return total

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


class CentredTransform(_Rows):
    """The STFT of segments of one length, as ``torch.stft`` and ``torch.istft`` centre it.

    Parameters
    ----------
    segment_samples
        Length of a segment, in samples. Silence fills it up to whole hops.
    frames
        How many there are to be; each begins half a window before a hop does. Either end is
        reflected for that.
    window
        ``[n_fft]``. Its length is a multiple of the hop length.
    hop
        Hop length, in samples.

    """

    def __init__(
        self, segment_samples: int, frames: int, window: NDArray[np.float64], hop: int
    ) -> None:
        super().__init__()
        self.segment_samples = segment_samples
        self.frames = frames
        self._size, self._hop = len(window), hop
        self._window = window.astype(np.float32)
        # what overlapping windows add up to is not the same everywhere: fewer meet at either end
        power = np.tile(np.square(window), (frames, 1))
        middle = self._overlap_add(power)[: self._filled].astype(np.float64)
        self._inverse_power = (1 / np.maximum(middle, _TINY)).astype(np.float32)

    @property
    def _filled(self) -> int:
        return (self.frames - 1) * self._hop

    def forward(self, segment: NDArray[np.float32]) -> NDArray[np.float32]:
        """Transform ``[channels, segment_samples]`` to ``[channels, frames, n_fft/2 + 1, 2]``."""
        tail = self._filled - self.segment_samples
        half = self._size // 2
        padded = np.pad(np.pad(segment, ((0, 0), (0, tail))), ((0, 0), (half, half)), "reflect")
        spectrum = np.empty((len(segment), self.frames, half + 1, 2), np.float32)

        def transform(row: int) -> None:
            frames = np.lib.stride_tricks.sliding_window_view(padded[row], self._size)
            transformed = np.fft.rfft(frames[:: self._hop] * self._window)
            spectrum[row].view(np.complex64)[..., 0] = transformed

        self._share_out(transform, len(segment))
        return spectrum

    def inverse(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Transform ``[rows, frames, n_fft/2 + 1, 2]`` back to ``[rows, segment_samples]``."""
        stems = np.empty((len(spectra), self.segment_samples), np.float32)

        def transform(row: int) -> None:
            spectrum = np.ascontiguousarray(spectra[row]).view(np.complex64)[..., 0]
            frames = np.fft.irfft(spectrum, n=self._size).astype(np.float32, copy=False)
            added = self._overlap_add(frames * self._window)[: self.segment_samples]
            np.multiply(added, self._inverse_power[: self.segment_samples], out=stems[row])

        self._share_out(transform, len(spectra))
        return stems

    def _overlap_add(self, frames: NDArray[np.floating]) -> NDArray[np.floating]:
        """Add ``[frames, n_fft]`` a hop apart, from the segment's first sample on."""
        hop, parts = self._hop, self._size // self._hop
        total = np.zeros((self.frames + parts - 1, hop), frames.dtype)
        for part in range(parts):
            total[part : part + self.frames] += frames[:, part * hop : (part + 1) * hop]
        return total.reshape(-1)[self._size // 2 :]


_TINY = 1e-11
"""What ``torch.istft`` takes for nothing to divide by."""
