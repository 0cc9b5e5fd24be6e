"""Signals after those of EBU Tech 3341 and 3342, and what a meter must read on them.

Made from their published descriptions and not the EBU's files. Left out: the programme excerpts
(3341-7 and 8, 3342-5 and 6), the rising series (3341-11 and 14) and the peaks of 3341-20 to 23.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float32]

RATE = 48_000


@dataclass(frozen=True)
class Case:
    """One signal, ``[channels, frames]`` at 48 kHz, with the reading required of a quantity."""

    name: str
    signal: Callable[[], Signal]
    quantity: str
    expected: float
    tolerance: tuple[float, float] = (0.1, 0.1)
    """Below and above."""


def sine(dbfs: float, seconds: float, *, hz: float = 1000.0, phase: float = 0.0) -> Signal:
    """Of one channel; the level is that of its peaks."""
    steps = np.arange(round(seconds * RATE))
    wave = 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz / RATE * steps + phase)
    return wave.astype(np.float32)


def stereo(*parts: tuple[float, float]) -> Callable[[], Signal]:
    """Tones of (dBFS, seconds), one after the other, the same in both channels."""

    def signal() -> Signal:
        channel = np.concatenate([sine(dbfs, seconds) for dbfs, seconds in parts])
        return np.stack([channel, channel])

    return signal


def surround() -> Signal:
    """Five channels in WAVE order with a silent LFE: 3341, case 6."""
    levels = (-28.0, -28.0, -24.0, None, -30.0, -30.0)
    return np.stack([sine(0, 20) * (0 if v is None else 10 ** (v / 20)) for v in levels])


def burst(lead_s: float, tone_s: float) -> Callable[[], Signal]:
    """One tone at -23 dBFS after silence: 3341, cases 10 and 13, which are twenty files each."""

    def signal() -> Signal:
        silence = np.zeros(round(lead_s * RATE), np.float32)
        channel = np.concatenate([silence, sine(-23, tone_s), np.zeros(RATE, np.float32)])
        return np.stack([channel, channel])

    return signal


def intersample(share: float, degrees: float, amplitude: float) -> Callable[[], Signal]:
    """A sine at a share of the sample rate: 3341, cases 15 to 19.

    The fades are ours: cut off abruptly, cases 17 and 18 truly overshoot to -5.6 and -5.3 dBTP.
    """

    def signal() -> Signal:
        wave = sine(0, 1.0, hz=share * RATE, phase=np.radians(degrees)) * amplitude
        fade = np.clip(np.arange(RATE) / 2400, 0, 1)
        channel = (wave * fade * fade[::-1]).astype(np.float32)
        return np.stack([channel, channel])

    return signal


_PEAK = (0.4, 0.2)

CASES = (
    Case("3341-1", stereo((-23, 20)), "integrated", -23.0),
    Case("3341-2", stereo((-33, 20)), "integrated", -33.0),
    Case("3341-3", stereo((-36, 10), (-23, 60), (-36, 10)), "integrated", -23.0),
    Case(
        "3341-4",
        stereo((-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)),
        "integrated",
        -23.0,
    ),
    Case("3341-5", stereo((-26, 20), (-20, 20.1), (-26, 20)), "integrated", -23.0),
    Case("3341-6", surround, "integrated", -23.0),
    Case("3341-9", stereo(*[(-20, 1.34), (-30, 1.66)] * 5), "short-term", -23.0),
    Case("3341-12", stereo(*[(-20, 0.18), (-30, 0.22)] * 25), "momentary", -23.0),
    Case("3341-15", intersample(1 / 4, 0, 0.50), "true peak", -6.0, _PEAK),
    Case("3341-16", intersample(1 / 4, 45, 0.50), "true peak", -6.0, _PEAK),
    Case("3341-17", intersample(1 / 6, 60, 0.50), "true peak", -6.0, _PEAK),
    Case("3341-18", intersample(1 / 8, 67.5, 0.50), "true peak", -6.0, _PEAK),
    Case("3341-19", intersample(1 / 4, 45, 1.41), "true peak", 3.0, _PEAK),
    Case("3342-1", stereo((-20, 20), (-30, 20)), "range", 10.0),
    Case("3342-2", stereo((-20, 20), (-15, 20)), "range", 5.0),
    Case("3342-3", stereo((-40, 20), (-20, 20)), "range", 20.0),
    Case("3342-4", stereo((-50, 20), (-35, 20), (-20, 20), (-35, 20), (-50, 20)), "range", 15.0),
)

# Silences that put the tone anywhere between two tenths of a second.
BURSTS = tuple(
    Case(f"3341-{number}, burst {n}", burst(tone_s + 0.005 * n, tone_s), quantity, -23.0)
    for number, tone_s, quantity in ((10, 3.0, "short-term"), (13, 0.4, "momentary"))
    for n in range(20)
)
