"""How near an estimated stem is to the true one, in dB; higher is better."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]


def global_sdr(true: Audio, estimate: Audio) -> float:
    """10 log10(Σ s² / Σ (s - ŝ)²) over all channels and samples.

    The measure of the Music Demixing Challenge ("nSDR"): one number for an item, no filtering.
    Both [channels, samples]; inf for a perfect estimate, nan for a silent true stem.
    """
    return _ratio_db(_energy(true), _energy(true - estimate))


def frame_sdr(true: Audio, estimate: Audio, frame: int) -> float:
    """Median of the same ratio over whole frames; frames silent in the true stem are left out.

    With frames of one second this is museval's SDR (BSSEval v4, image version): its filters move
    error between the other measures (ISR, SIR, SAR) and leave SDR alone; museval 0.4.1 gives the
    same figures to 1e-8 dB. It leaves a frame out for all stems when one of them is silent.
    """
    starts = range(0, true.shape[1] - frame + 1, frame)
    pieces = [(true[:, at : at + frame], estimate[:, at : at + frame]) for at in starts]
    figures = [global_sdr(t, e) for t, e in pieces if _energy(t) > 0]
    return float(np.median(figures)) if figures else math.nan


def _energy(audio: Audio) -> float:
    return float(np.square(audio, dtype=np.float64).sum())


def _ratio_db(signal: float, noise: float) -> float:
    if signal == 0:
        return math.nan
    return math.inf if noise == 0 else 10 * math.log10(signal / noise)
