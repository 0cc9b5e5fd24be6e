"""Intelligibility and, where the ``pesq`` package is installed, quality of denoised speech.

    score_denoised.py TASK.json SCORES.json

The task is a list of [clean WAV, denoised WAV]; the scores are as many {"stoi", "pesq"}: STOI after
Taal et al. (2011), PESQ after ITU-T P.862.2 (wideband), null where it cannot be had.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from pystoi import stoi
from scipy.signal import resample_poly

try:
    from pesq import NoUtterancesError, pesq
except ImportError:
    pesq = None

WIDEBAND = 16_000


def main() -> None:
    pairs = json.loads(Path(sys.argv[1]).read_text())
    Path(sys.argv[2]).write_text(json.dumps([_scores(*map(_read, pair)) for pair in pairs]))


def _read(path: str) -> NDArray[np.float64]:
    sound, rate = soundfile.read(path)
    return resample_poly(sound, WIDEBAND, rate)


def _scores(clean: NDArray[np.float64], denoised: NDArray[np.float64]) -> dict[str, float | None]:
    return {"stoi": float(stoi(clean, denoised, WIDEBAND)), "pesq": _pesq(clean, denoised)}


def _pesq(clean: NDArray[np.float64], denoised: NDArray[np.float64]) -> float | None:
    if pesq is None:
        return None
    try:
        return float(pesq(WIDEBAND, clean, denoised, "wb"))
    except NoUtterancesError:
        return None


if __name__ == "__main__":
    main()
