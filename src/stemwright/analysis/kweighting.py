"""The K-weighting of ITU-R BS.1770-4, annex 1, at any sample rate, without a recursive filter.

NumPy has no recursive filters and a Python loop would take minutes, so the two biquads are applied
as their impulse response, which is below -130 dB after 85 ms, by overlap-save.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .sound import Block

_RESPONSE_S = 0.085
_BLOCK_RESPONSES = 8

# The analogue prototypes of the standard's 48 kHz coefficients (B. De Man, "Evaluation of
# implementations of the EBU R128 loudness measurement", AES 145, 2018).
_SHELF_HZ, _SHELF_DB, _SHELF_Q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
_SHELF_SLOPE = 0.4996667741545416
_HIGH_PASS_HZ, _HIGH_PASS_Q = 38.13547087602444, 0.5003270373238773


class KWeighting:
    """Filters a stream of channels and adds up their powers.

    Parameters
    ----------
    sample_rate
        Hz.
    gains
        ``[channels]``, of each channel's power in the sum.

    """

    def __init__(self, sample_rate: int, gains: NDArray[np.float32]) -> None:
        taps = 2 ** int(np.ceil(np.log2(_RESPONSE_S * sample_rate)))
        self._size = _BLOCK_RESPONSES * taps
        self._past = taps - 1
        response = impulse_response(sample_rate, taps)
        self._response = np.fft.fft(response, self._size).astype(np.complex64)
        self._channels = np.flatnonzero(gains)
        self._gains = gains[self._channels]
        self._held = np.zeros((len(self._channels), self._past), np.float32)

    def process(self, block: Block) -> Iterator[NDArray[np.float32]]:
        """Take ``[channels, frames]``; yield ``[some frames]`` of summed power."""
        self._held = np.concatenate([self._held, block[self._channels]], axis=1)
        step = self._size - self._past
        start = 0
        while self._held.shape[1] - start >= self._size:
            yield self._power(self._held[:, start : start + self._size])
            start += step
        self._held = self._held[:, start:].copy()

    def flush(self) -> Iterator[NDArray[np.float32]]:
        """Yield the powers of the frames still held."""
        rest = self._held.shape[1] - self._past
        if rest > 0:
            padded = np.pad(self._held, ((0, 0), (0, self._size - self._held.shape[1])))
            yield self._power(padded)[:rest]

    def _power(self, held: Block) -> NDArray[np.float32]:
        # Two real channels share one complex transform: the response is real, so they stay apart.
        total = np.zeros(self._size - self._past, np.float32)
        for k in range(0, len(held), 2):
            pair = held[k] + 1j * held[k + 1] if k + 1 < len(held) else held[k] + 0j
            spectrum = np.fft.fft(pair.astype(np.complex64, copy=False)) * self._response
            filtered = np.fft.ifft(spectrum)[self._past :]
            total += self._gains[k] * filtered.real**2
            if k + 1 < len(held):
                total += self._gains[k + 1] * filtered.imag**2
        return total


def impulse_response(sample_rate: int, taps: int) -> NDArray[np.float64]:
    """``[taps]`` of the shelf and the high-pass one after the other."""
    size = 16 * taps
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    response = _biquad(z, *_shelf(sample_rate)) * _biquad(z, *_high_pass(sample_rate))
    return np.fft.irfft(response, size)[:taps]


_Coefficients = tuple[float, float, float]


def _biquad(
    z: NDArray[np.complex128], above: _Coefficients, below: _Coefficients
) -> NDArray[np.complex128]:
    numerator = above[0] + z * (above[1] + z * above[2])
    denominator = below[0] + z * (below[1] + z * below[2])
    response: NDArray[np.complex128] = numerator / denominator
    return response


def _shelf(sample_rate: int) -> tuple[_Coefficients, _Coefficients]:
    k = np.tan(np.pi * _SHELF_HZ / sample_rate)
    high = 10 ** (_SHELF_DB / 20)
    band = high**_SHELF_SLOPE
    damped = k / _SHELF_Q
    above = (high + band * damped + k * k, 2 * (k * k - high), high - band * damped + k * k)
    return above, (1 + damped + k * k, 2 * (k * k - 1), 1 - damped + k * k)


def _high_pass(sample_rate: int) -> tuple[_Coefficients, _Coefficients]:
    k = np.tan(np.pi * _HIGH_PASS_HZ / sample_rate)
    damped = k / _HIGH_PASS_Q
    below = (1 + damped + k * k, 2 * (k * k - 1), 1 - damped + k * k)
    # The standard leaves the numerator at 1, -2, 1 whatever the denominator is scaled by.
    return (below[0], -2 * below[0], below[0]), below
